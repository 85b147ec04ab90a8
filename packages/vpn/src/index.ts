/**
 * vpn: the Local VPN Connection API, and exit protection, which every driver shares.
 *
 * The interface is in `driver.ts`; drivers live in packages of their own (`vpn-wireguard`, `vpn-proxy` …). Who may
 * connect, what it costs and when a session ends is the node's; how two nodes talk is the link's.
 *
 * @example
 * const policy = createExitPolicy({ denied: [outerAddress] })
 * mayReach(policy, '93.184.216.34', 443) // true
 * mayReach(policy, '::ffff:169.254.169.254', 80) // false: cloud metadata
 *
 * @module
 */

export { applyIp, applyNft, runCommand, undoIp } from './command.ts'
export * from './driver.ts'
export { createExitPolicy, type ExitPolicy, type ExitPolicyOptions, mayReach, parseEndpoint } from './exit-policy.ts'
export { canonicalIp, embeddedIpv4 } from './ip.ts'
export { renderNftPolicy } from './nft-policy.ts'
export { type HostNetwork, type InterfaceAddress, ownNetworks } from './own-networks.ts'
export { globalUnicastV6, isPublicUnicast, specialPurposeV4, specialPurposeV6 } from './special-purpose.ts'
