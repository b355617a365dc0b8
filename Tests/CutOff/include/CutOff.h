// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

// Nothing is called: the library is preloaded into a program. SwiftPM wants a header of each C target.
