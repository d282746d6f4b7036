import { createHash } from 'node:crypto'
import type { V1ObjectMeta } from '@kubernetes/client-node'
import type { LaunchSpec } from '../engine.js'

/** The label that names the pool's owner on every pod of this library. */
export const OWNER_LABEL = 'hono-sandbox.owner'
/** The label of the engine that launched the pod. An engine watches only its own pods. */
export const ENGINE_LABEL = 'hono-sandbox.engine'
/** The label that network policies select: the network of the launch. */
const NETWORK_LABEL = 'hono-sandbox.network'
/** The annotation with the name of the launch, which can differ from the name of the pod. */
export const NAME_ANNOTATION = 'hono-sandbox.name'
/** The annotation with the network of the launch, which can differ from the value of the label. */
const NETWORK_ANNOTATION = 'hono-sandbox.network'

/** Returns the annotations of a pod. */
export function annotationsOf({ name, network }: LaunchSpec) {
  return { [NAME_ANNOTATION]: name, [NETWORK_ANNOTATION]: network }
}

/** Returns the network of a pod, as network policies see it. */
export function networkOf({ labels = {}, annotations = {} }: V1ObjectMeta): string {
  const label = labels[NETWORK_LABEL] ?? ''
  const network = annotations[NETWORK_ANNOTATION] ?? ''
  return labelValue(network) === label ? network : label
}

/** Returns the labels of a pod. */
export function labelsOf({ owner, language, network }: LaunchSpec, engine: string) {
  return {
    'app.kubernetes.io/managed-by': 'hono-sandbox',
    [OWNER_LABEL]: labelValue(owner),
    'hono-sandbox.pool': labelValue(language),
    [ENGINE_LABEL]: engine,
    [NETWORK_LABEL]: labelValue(network),
  }
}

/** Returns the text if it is a valid value of a label, else a valid value that is as distinct. */
export function labelValue(text: string): string {
  if (/^[a-z0-9]([-a-z0-9_.]{0,61}[a-z0-9])?$/i.test(text)) return text
  return `${slugOf(text, 48)}-${digestOf(text)}`
}

/**
 * Returns the name of the pod of a launch. Names of pods have no underscore and no upper case, so a
 * digest keeps two names apart that differ only there.
 */
export function podNameOf(name: string): string {
  return `${slugOf(name, 200)}-${digestOf(name)}`
}

function slugOf(text: string, length: number): string {
  const slug = text.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')
  return slug.slice(0, length).replaceAll(/^-|-$/g, '') || 'sandbox'
}

function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 8)
}
