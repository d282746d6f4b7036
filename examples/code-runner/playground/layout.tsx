import type { PropsWithChildren } from 'hono/jsx'

/** The parts that all pages share. */
export function Layout({
  title,
  script,
  children,
}: PropsWithChildren<{ title: string; script: string }>) {
  const links = [
    ['/', 'Playground'],
    ['/pool', 'Pool'],
    ['/docs', 'API'],
  ] as const
  return (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>{`${title} – Code runner`}</title>
        <link rel="icon" href="/page/icon.svg" />
        <link rel="stylesheet" href="/page/style.css" />
        <script type="module" src={`/page/${script}.js`}></script>
      </head>
      <body data-mode="script">
        <a class="skip" href="#main">
          Skip to the content
        </a>
        <header>
          <h1>Code runner</h1>
          <nav aria-label="Pages">
            {links.map(([href, name]) => (
              <a href={href} aria-current={name === title ? 'page' : undefined}>
                {name}
              </a>
            ))}
          </nav>
        </header>
        <main id="main">{children}</main>
      </body>
    </html>
  )
}
