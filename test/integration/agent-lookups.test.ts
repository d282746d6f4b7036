import { describe, expect, it } from 'vitest'
import type { AgentName } from '../../src/languages/built-in.js'
import { run } from '../helpers/agent-folder.js'
import { places, useFolders } from '../helpers/agent-places.js'

/** Code that prints the addresses of three names, and the error for a fourth name. */
const ADDRESSES: Record<AgentName, string> = {
  python: `import socket
for name in ('LocalHost', 'a.localhost', socket.gethostname()):
    print(*sorted({address[4][0] for address in socket.getaddrinfo(name, 80)}))
try: socket.getaddrinfo('example.invalid', 80)
except OSError as error: print(error.errno == socket.EAI_AGAIN)
`,
  nodejs: `import { lookup } from 'node:dns/promises'
import { hostname } from 'node:os'
for (const name of ['LocalHost', 'a.localhost', hostname()]) {
  const found = await lookup(name, { all: true })
  console.log(...found.map(({ address }) => address).sort())
}
await lookup('example.invalid').catch((error) => console.log(error.code === 'EAI_AGAIN'))
0`,
}

/** Code that binds to localhost in its own way, and connects to it. */
const CONNECTION: Record<AgentName, string> = {
  python: `import socket
server = socket.create_server(('localhost', 0))
client = socket.create_connection(('localhost', server.getsockname()[1]))
server.accept()[0].send(b'hello')
print(client.recv(5).decode())
`,
  nodejs: `const net = require('node:net')
const server = net.createServer((socket) => socket.end('hello')).listen(0, 'localhost', () => {
  const client = net.connect(server.address().port, 'localhost')
  client.on('data', (data) => console.log(String(data))).on('end', () => server.close())
})
0`,
}

/** Code that sends packets that are no queries to the name server, the last of them an answer. */
const GARBAGE: Record<AgentName, string> = {
  python: `import socket
packets = [b'', b'x', bytes(12), bytes(16), b'x' * 600, bytes(12) + b'\\xff' * 300, b'\\0\\0\\x80' + bytes(20)]
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
    for packet in packets: sender.sendto(packet, ('127.0.0.1', 53))
`,
  nodejs: `const socket = require('node:dgram').createSocket('udp4')
const packets = [1, 12, 16, 600].map((size) => Buffer.alloc(size, size === 600 ? 'x' : 0))
packets.push(Buffer.concat([Buffer.alloc(12), Buffer.alloc(300, 255)]), Buffer.alloc(24, 128))
let sent = 0
for (const packet of packets) {
  socket.send(packet, 53, '127.0.0.1', () => ++sent === packets.length && socket.close())
}
0`,
}

describe.each(places.filter(({ where }) => where !== 'process'))(
  'lookups in a container of the $language agent, $where',
  (place) => {
    const { language } = place
    const folderOfTest = useFolders(place)
    const printed = async (code: string) => {
      const { agent } = await folderOfTest()
      const { stdout, stderr } = await agent.ask(run(code))
      expect(stderr).toBe('')
      return stdout.toString()
    }

    it('localhost and the name of the container have the addresses of the loopback', async () => {
      const addresses = '127.0.0.1 ::1\n'
      const expected = `${addresses.repeat(3)}${language === 'python' ? 'True' : 'true'}\n`
      expect(await printed(ADDRESSES[language])).toBe(expected)
    })

    it('a program connects to localhost', async () => {
      expect(await printed(CONNECTION[language])).toBe('hello\n')
    })

    it('packets that are no queries do no harm', async () => {
      await printed(GARBAGE[language])
      expect(await printed(ADDRESSES[language])).toContain('127.0.0.1 ::1\n')
    })
  },
)
