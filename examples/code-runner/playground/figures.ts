/** The state of the pool of a language, as the page of the pool gets it once a second. */
export interface Figures {
  size: number
  max: number
  idle: number
  leased: number
  starting: number
  recycling: number
  waiting: number
  sessions: number
  /** The launches since the server started. */
  launched: number
  launchesFailed: number
  /** The waits of the latest callers for a container; `null` if there was none. */
  waitP50Ms: number | null
  waitP95Ms: number | null
  /** How many leases have ended, by the reason. */
  ends: Record<string, number>
}
