// Loads the modules of the bundle, in all processes that the loader starts. It is part of the bundle, so
// that its frames have the name of the bundle's script: `thrown.cjs` removes these from stack traces.

/** Returns the `require` of the bundle's modules. It passes other names to the `require` of Node. */
function createRequire(modules, builtin) {
  const loaded = { __proto__: null }
  const load = (name) => {
    const define = modules[name]
    if (!define) return builtin(name)
    if (!loaded[name]) define(load, (loaded[name] = { exports: {} }))
    return loaded[name].exports
  }
  return load
}

module.exports = { createRequire }
