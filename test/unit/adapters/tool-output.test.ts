import { expect, it } from 'vitest'
import { forModel } from '../../../src/adapters/tools/output.js'

it('a model gets only as many images as the limit allows, and is told of the others', () => {
  const image = (length: number) => ({ mediaType: 'image/png', data: 'A'.repeat(length) })
  const images = [image(1_000_000), image(500_000), image(400_000)]
  const { value } = forModel({ exitCode: 0, stdout: 'out', stderr: '', images })
  const [text, ...files] = value
  expect(text).toEqual({
    type: 'text',
    text: '{"exitCode":0,"stdout":"out","stderr":"","omittedImages":1}',
  })
  expect(files).toEqual(
    [image(1_000_000), image(400_000)].map(({ mediaType, data }) => ({
      type: 'file',
      mediaType,
      data: { type: 'data', data },
    })),
  )
})
