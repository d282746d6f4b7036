export { createKubernetesEngine } from './kubernetes-engine.js'
export type { RuntimeOptions, RuntimesByName } from './runtimes.js'
export type { KubernetesEngineOptions, OwnerPod, PodToleration } from './settings.js'
