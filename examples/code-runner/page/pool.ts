import { byId } from './dom.js'
import type { Figures } from '../playground/figures.js'
import { LanguageCard } from './pool-card.js'

const cards = new Map<string, LanguageCard>()
const list = byId('pools', HTMLElement)
const status = byId('status', HTMLElement)

function say(text: string, state: string): void {
  if (status.textContent === text) return // a live region reads each change
  status.textContent = text
  status.dataset.state = state
}

function show(figures: Record<string, Figures>): void {
  for (const [language, each] of Object.entries(figures)) {
    let card = cards.get(language)
    if (!card) {
      card = new LanguageCard(language)
      cards.set(language, card)
      list.append(card.element)
    }
    card.show(each)
  }
}

const source = new EventSource('/pool/events')
source.addEventListener('figures', ({ data }) => {
  say('Live', 'good')
  show(JSON.parse(String(data)))
})
source.addEventListener('error', () => {
  const isOver = source.readyState === EventSource.CLOSED
  say(
    isOver ? 'The server does not send figures. Reload the page to try again.' : 'Reconnecting',
    'bad',
  )
})
