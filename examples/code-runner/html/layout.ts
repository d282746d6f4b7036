import { html } from 'hono/html'

/** The content of an HTML page, as the tag `html` returns it: values in it are escaped. */
export type Html = ReturnType<typeof html>

/** Returns a complete page without scripts. Its style is served at `/plain.css`. */
export function layout(title: string, content: Html): Html {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${title}</title>
        <link rel="stylesheet" href="/plain.css" />
      </head>
      <body>
        <main>${content}</main>
      </body>
    </html>`
}

/** The style of the pages without scripts. */
export const PLAIN_CSS = `
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { margin: 0; }
main { max-width: 56rem; margin: 2rem auto; padding: 0 1rem; }
h2 { margin-top: 2.5rem; border-top: 1px solid #8884; padding-top: 1rem; }
code, pre { font-family: ui-monospace, monospace; font-size: 0.875em; }
pre { overflow: auto; padding: 0.75rem; background: #8881; border-radius: 0.25rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: 0.25rem 0.75rem 0.25rem 0; }
label, input, button { font: inherit; }
input { display: block; width: 100%; box-sizing: border-box; margin: 0.25rem 0 1rem; padding: 0.5rem; }
button { padding: 0.5rem 1rem; }
.alert { color: #b3261e; font-weight: 600; }
@media (prefers-color-scheme: dark) { .alert { color: #f2b8b5; } }
`
