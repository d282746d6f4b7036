import { Layout } from './layout.js'

/** The page with the live state of the pool. Its script fills it. */
export function PoolPage() {
  return (
    <Layout title="Pool" script="pool">
      <p class="state">
        <span id="status" role="status" data-state="idle">
          Connecting
        </span>
      </p>
      <p class="muted">
        The containers of each language in the last minute. A request leases an idle container. A
        used container is recycled, and a new one starts in its place.
      </p>
      <div id="pools"></div>
    </Layout>
  )
}
