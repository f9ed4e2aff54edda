/**
 * What each figure is to be at most: CPU milliseconds a request where not said otherwise.
 *
 * @module
 */
export interface Goal {
  /** `cpu`: CPU milliseconds a request (or delivery); `value`: the figure itself. */
  of: 'cpu' | 'value' | 'bytesPerObject'
  most: number
}

const cpu = (most: number): Goal => ({ of: 'cpu', most })
const value = (most: number): Goal => ({ of: 'value', most })

export const GOALS: Readonly<Record<string, Goal>> = {
  'start-empty': value(500),
  'start-existing': value(250),
  'start-10k': value(400),
  'idle-rss': value(110),
  'idle-cpu': value(0.3),
  'get-h1-c32': cpu(0.035),
  'get-h2-c4m32': cpu(0.035),
  'list1k-sa-c8': cpu(0.35),
  'list500-pods-c8': cpu(1.2),
  'list-after-other-write': value(3),
  'create-c16': cpu(0.15),
  'create-c128': cpu(0.15),
  'update-put-c16': cpu(0.2),
  'update-patch-c16': cpu(0.2),
  'update-apply-c16': cpu(0.35),
  'watch-w100': cpu(0.01),
  'watch-w500': cpu(0.008),
  'memory-configmaps': { of: 'bytesPerObject', most: 2_500 },
  'tokenrequest-c16': cpu(0.36),
  'tokenreview-2k': cpu(0.05),
  'tokenreview-unseen': cpu(0.09),
  'auth-2k': cpu(0.045),
  'auth-badsignature': cpu(0.06),
  'sar0-clusterrolebindings-allowed-c16': cpu(0.06),
  'sar10k-clusterrolebindings-allowed-c16': cpu(0.06),
  'sar100k-clusterrolebindings-allowed-c16': cpu(0.06),
}
