// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

/// The version of the daemon and of `rbdctl`, which are released together.
public let programVersion = "0.1.0"
