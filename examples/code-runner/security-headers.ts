import { secureHeaders } from 'hono/secure-headers'

/**
 * What a page of this server may load, and from where: no inline script and nothing from other hosts.
 * A response with a policy of its own, such as a file of a program, keeps it.
 *
 * Inline styles are allowed, because the frames that show the HTML of a program inherit this policy,
 * and the tables of pandas have a style element. The editor adds its styles in the same way.
 */
const CONTENT_SECURITY_POLICY = {
  defaultSrc: ["'none'"],
  scriptSrc: ["'self'"],
  styleSrc: ["'self'", "'unsafe-inline'"],
  connectSrc: ["'self'"],
  imgSrc: ["'self'", 'data:', 'blob:'],
  formAction: ["'self'"],
  // A frame cannot leave the document that the page gave it.
  frameSrc: ["'none'"],
  frameAncestors: ["'none'"],
  baseUri: ["'none'"],
}

/** Sets the headers that limit what a browser does with a response. */
export const securityHeaders = secureHeaders({
  contentSecurityPolicy: CONTENT_SECURITY_POLICY,
  // A proxy that adds TLS decides for how long its host name needs it.
  strictTransportSecurity: false,
  xFrameOptions: 'DENY',
  overwrite: false,
})
