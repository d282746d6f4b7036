// What our own half of a program's process says on descriptor 3. The program can say it too: nothing
// of it is believed, and nothing waits for it.

const TAG_SIZE = 5
const [RECORD, END, READY, FAILED] = ['r', 'e', 'y', 'f']
const LONGEST_SAYING = { [RECORD]: 4 * 1024 * 1024, [END]: 1000, [READY]: 1000, [FAILED]: 8000 }
const ACKNOWLEDGEMENT = Buffer.of(1)

/** Records go on to the host, as the host's credit goes; the rest is for whoever hears it. */
class Records extends Outlet {
  held = NOTHING
  /** How much of a record is still to be sent. */
  passing = 0
  others = []
  marks = null
  isStarved = true
  hear = () => {}

  constructor(socket) {
    super(null, RECORDS, socket)
    socket.on('error', () => {}) // somebody inside killed it: its exit tells
  }

  /** Makes them those of a request, in the order in which they and its output were written. */
  follow(id, ...others) {
    Object.assign(this, { id, others })
    return this
  }

  take(data) {
    this.held = Buffer.concat([this.held, data])
  }

  pump() {
    while (this.step());
    this.settle(this.isStarved)
  }

  /** One message, or a part of a record; whether there may be more to do. */
  step() {
    this.isStarved = this.held.length < (this.passing > 0 ? 1 : TAG_SIZE)
    if (this.isStarved) return false
    if (this.passing > 0) return this.pass()
    const tag = String.fromCharCode(this.held[0])
    const length = this.held.readUInt32BE(1)
    if (!(length <= LONGEST_SAYING[tag])) return this.close()
    if ((tag === RECORD || tag === END) && !this.isDue()) return false
    if (tag === RECORD) {
      this.held = this.held.subarray(1) // its length is the host's too
      this.passing = TAG_SIZE - 1 + length
      return true
    }
    this.isStarved = this.held.length < TAG_SIZE + length
    if (this.isStarved) return false
    this.marks = null
    const saying = this.held.subarray(TAG_SIZE, TAG_SIZE + length)
    this.held = this.held.subarray(TAG_SIZE + length)
    try {
      this.hear(tag, { ...JSON.parse(saying) })
    } catch {
      return this.close()
    }
    return true
  }

  /** Whether all is sent that the program had written before it said this. */
  isDue() {
    if (this.id === null) return false
    this.marks ??= this.others.map((outlet) => outlet.drain())
    return this.others.every((outlet, index) => outlet.sent >= this.marks[index])
  }

  pass() {
    const size = Math.min(CHUNK, this.budget, this.passing, this.held.length)
    if (size === 0) return false
    sendData(this.id, this.channel, this.held.subarray(0, size))
    this.held = this.held.subarray(size)
    this.budget -= size
    this.passing -= size
    if (this.passing > 0) return true
    this.marks = null
    if (this.socket.writableNeedDrain) return this.close() // it never reads what it is told
    if (!this.ended) this.socket.write(ACKNOWLEDGEMENT)
    return true
  }

  close() {
    this.socket.destroy()
    this.held = NOTHING
    this.isStarved = true
    return false
  }
}
