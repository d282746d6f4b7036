import type { Context, Env, Input, ValidationTargets } from 'hono'
import type { SandboxError } from '../src/errors.js'
import type { Language } from '../src/languages/built-in.js'
import type { Variables } from '../src/languages/container-options.js'
import type { SandboxPool } from '../src/sandbox-pool.js'
import type { SandboxLogger } from './logger.js'

/** The environment of an app that is not named. `Context` of Hono has the same default. */
// oxlint-disable-next-line typescript/no-explicit-any
export type UnnamedEnv = any

/** The values of validators that are not named: JSON is `any`, as in `c.req.json()`. */
export interface UnnamedInput {
  out: ValidationTargets
}

/**
 * The options of the middleware `sandbox()`. The type parameters are those of the context that the
 * functions get: the environment of the app, the path of the route, and the input that validators
 * have checked. TypeScript cannot infer them from the place of `sandbox()` in a route. If they are
 * not named, the values of `c.get()` and of validated JSON are `any`.
 */
export interface SandboxOptions<
  E extends Env = UnnamedEnv,
  P extends string = string,
  I extends Input = UnnamedInput,
> {
  /**
   * The language, or a function that returns it for a request. Validate the body before this
   * middleware: the server does not notice that a client disconnects while a large body is unread.
   *
   * @default 'python'
   */
  language?:
    | Language
    | ((c: Context<E, P, I>) => Language | undefined | Promise<Language | undefined>)
  /**
   * The pool that leases the containers.
   *
   * @default the pool of `initSandboxes()`
   */
  pool?: SandboxPool | undefined
  /**
   * The time limit for the wait for a container, in milliseconds.
   *
   * @default 10_000
   */
  acquireTimeoutMs?: number | undefined
  /**
   * The time to live of the lease of this request, in milliseconds. In a session, only the request
   * ends after that time.
   *
   * @default `leaseTtlMs` of the pool
   */
  leaseTtlMs?: number | undefined
  /**
   * Returns the id of the session of a request: all requests with the same id get the same
   * container. Return an id that no client can guess or choose, such as the id of a user that is
   * signed in, or use `signedSession()`. A request without an id gets a container of its own.
   */
  session?: ((c: Context<E, P, I>) => string | undefined | Promise<string | undefined>) | undefined
  /**
   * The time without a request after which the session ends, in milliseconds.
   *
   * @default 600_000
   */
  sessionIdleMs?: number | undefined
  /**
   * The greatest age of a session, in milliseconds. The session ends after that time, when its
   * requests are over.
   *
   * @default 3_600_000
   */
  sessionTtlMs?: number | undefined
  /**
   * The number of requests of one session that run at the same time. With 1 they run in their order.
   * Requests of routes without this option do not wait.
   *
   * @default no limit
   */
  sessionConcurrency?: number | undefined
  /**
   * Whether a request is refused with `SANDBOX_UNKNOWN_SESSION`, status 404, instead of opening a
   * session, if it has no id, or if there is no session with its id, or it ends. For example for a
   * route that stops a program or sends a file.
   *
   * @default false
   */
  sessionMustExist?: boolean | undefined
  /**
   * Returns the tenant of a request: the user, team or API key that it acts for. The bounds of
   * tenants and the fair order of the queue use it. A session belongs to the tenant of its requests.
   */
  tenant?: ((c: Context<E, P, I>) => string | undefined | Promise<string | undefined>) | undefined
  /**
   * Returns environment variables for every program of the request. They may be secrets: they are
   * not a part of the container, and no log, error or statistic contains them. A context keeps the
   * variables of the request that created it, also in later requests of a session.
   */
  env?:
    | ((c: Context<E, P, I>) => Variables | undefined | Promise<Variables | undefined>)
    | undefined
  /**
   * The time limit for a client that does not read the response, in milliseconds. It counts while
   * no call of the sandbox is running. After it the lease ends, and the rest of the response is
   * sent without a sandbox.
   *
   * @default 30_000
   */
  stallTimeoutMs?: number | undefined
  /**
   * The time limit for a client that reads the response slowly, in milliseconds after the last call
   * of the sandbox. After it the lease ends.
   *
   * @default 120_000
   */
  drainTimeoutMs?: number | undefined
  /**
   * The logger for error responses of the middleware: it gets one warning for each, with the code
   * and the message for the operator, before the response is created. Without a logger, nothing is
   * written.
   */
  logger?: SandboxLogger | undefined
  /**
   * Creates the response if the request gets no container. To keep the status and `Retry-After`, and
   * to replace the body, return `Response.json(body, errorResponse(c, error))`.
   *
   * @default errorResponse()
   */
  onUnavailable?:
    | ((error: SandboxError, c: Context<E, P, I>) => Response | Promise<Response>)
    | undefined
}
