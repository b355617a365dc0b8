// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

// This header is empty, because no program calls the library: it is preloaded. SwiftPM requires a header for each C target.
