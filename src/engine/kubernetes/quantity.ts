/** The suffixes of quantities, as factors. */
const FACTORS: Readonly<Record<string, number>> = {
  '': 1,
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
}

/** Returns a quantity of Kubernetes, such as `256Mi`, as a number. It is NaN if it is no quantity. */
export function numberOf(quantity: string): number {
  const [, digits = '', suffix = ''] =
    /^([-+.\d]+(?:[eE][-+]?\d+)?)([a-zA-Z]*)$/.exec(quantity) ?? []
  return digits === '' ? NaN : Number(digits) * (FACTORS[suffix] ?? NaN)
}
