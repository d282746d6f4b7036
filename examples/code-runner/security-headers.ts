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

/** Sets the headers that limit what a browser does with a response. */
export const securityHeaders = secureHeaders({
  contentSecurityPolicy: CONTENT_SECURITY_POLICY,
  // A proxy that adds TLS decides for how long its host name needs it.
  strictTransportSecurity: false,
  xFrameOptions: 'DENY',
  // With the default, `no-referrer`, a browser sends `Origin: null` with the forms of our own pages.
  referrerPolicy: 'same-origin',
  overwrite: false,
})
