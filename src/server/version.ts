/**
 * What the server says of itself.
 *
 * @see apimachinery/pkg/version/types.go
 * @module
 */
import { arch } from 'node:process'

const KUBERNETES_MINOR = 36
const KUBERNETES_PATCH = 2

export const PODPASS_VERSION = '0.1.0'
export const GIT_VERSION = `v1.${KUBERNETES_MINOR}.${KUBERNETES_PATCH}+podpass.${PODPASS_VERSION}`

export function versionInfo(emulatedMinor: number): Record<string, string> {
  return {
    major: '1',
    minor: String(KUBERNETES_MINOR),
    emulationMajor: '1',
    emulationMinor: String(emulatedMinor),
    minCompatibilityMajor: '1',
    minCompatibilityMinor: String(Math.min(emulatedMinor, KUBERNETES_MINOR - 1)),
    gitVersion: GIT_VERSION,
    gitCommit: '',
    gitTreeState: 'clean',
    buildDate: '1970-01-01T00:00:00Z',
    goVersion: '',
    compiler: `node ${process.version}`,
    platform: `linux/${arch === 'x64' ? 'amd64' : arch}`,
  }
}
