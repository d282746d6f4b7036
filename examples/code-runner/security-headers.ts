import { secureHeaders } from 'hono/secure-headers'

/**
 * What a page of this server may load, and from where: nothing inline and nothing from other hosts.
 * A response with a policy of its own, such as a file of a program, keeps it.
 */
const CONTENT_SECURITY_POLICY = {
  defaultSrc: ["'none'"],
  scriptSrc: ["'self'"],
  styleSrc: ["'self'"],
  connectSrc: ["'self'"],
  imgSrc: ["'self'", 'data:', 'blob:'],
  formAction: ["'self'"],
  frameAncestors: ["'none'"],
  baseUri: ["'none'"],
}
/**
 * The page of the playground may have inline styles. The frames with the HTML of a program inherit
 * its policy, and the tables of pandas have a style element. The editor adds its styles in the same
 * way. `default-src` also forbids a frame to leave the document that the page gave it.
 */
const WITH_INLINE_STYLES = { ...CONTENT_SECURITY_POLICY, styleSrc: ["'self'", "'unsafe-inline'"] }

const headersWith = (contentSecurityPolicy: typeof CONTENT_SECURITY_POLICY) =>
  secureHeaders({
    contentSecurityPolicy,
    // A proxy that adds TLS decides for how long its host name needs it.
    strictTransportSecurity: false,
    xFrameOptions: 'DENY',
    // With the default, `no-referrer`, a browser sends `Origin: null` with the forms of our own pages.
    referrerPolicy: 'same-origin',
    overwrite: false,
  })

/** Sets the headers that limit what a browser does with a response. */
export const securityHeaders = headersWith(CONTENT_SECURITY_POLICY)

/** Sets the headers of the page of the playground. */
export const playgroundHeaders = headersWith(WITH_INLINE_STYLES)
