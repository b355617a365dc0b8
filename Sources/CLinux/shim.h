// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

// What glibc has for _GNU_SOURCE only, which Swift's own view of it is made without.

#pragma once

#include <sys/types.h>

extern int fallocate(int descriptor, int mode, off_t offset, off_t length);

// FALLOC_FL_KEEP_SIZE of linux/falloc.h: room is reserved, and the file stays as long as it is.
static const int clinux_keep_size = 1;

// The answer to SO_PEERCRED: unix(7).
struct clinux_ucred {
    pid_t pid;
    uid_t uid;
    gid_t gid;
};
