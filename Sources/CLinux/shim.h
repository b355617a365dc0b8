// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

// What glibc has for _GNU_SOURCE only, which Swift's own view of it is made without; and stat(2), whose type belongs to
// another module each time that other files are compiled together.

#pragma once

#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

extern int fallocate(int descriptor, int mode, off_t offset, off_t length);

// FALLOC_FL_KEEP_SIZE of linux/falloc.h: room is reserved, and the file stays as long as it is.
static const int clinux_keep_size = 1;

// mallopt(3), of malloc.h, and what it is told here.
extern int mallopt(int parameter, int value);
static const int clinux_trim_threshold = -1;
static const int clinux_mmap_threshold = -3;
static const int clinux_arena_max = -8;

// The answer to SO_PEERCRED: unix(7).
struct clinux_ucred {
    pid_t pid;
    uid_t uid;
    gid_t gid;
};

// What is asked of a file.
struct clinux_file {
    uint64_t device;
    uint64_t inode;
    uint64_t links;
    // The type and the permission bits.
    uint32_t mode;
    int64_t size;
    int64_t modified_seconds;
    int64_t modified_nanoseconds;
};

static inline struct clinux_file clinux_file_of(const struct stat *status) {
    struct clinux_file file = {
        .device = status->st_dev,
        .inode = status->st_ino,
        .links = status->st_nlink,
        .mode = status->st_mode,
        .size = status->st_size,
        .modified_seconds = status->st_mtim.tv_sec,
        .modified_nanoseconds = status->st_mtim.tv_nsec,
    };
    return file;
}

static inline int clinux_stat(const char *path, struct clinux_file *file) {
    struct stat status;
    int result = stat(path, &status);
    if (result == 0) *file = clinux_file_of(&status);
    return result;
}

static inline int clinux_fstat(int descriptor, struct clinux_file *file) {
    struct stat status;
    int result = fstat(descriptor, &status);
    if (result == 0) *file = clinux_file_of(&status);
    return result;
}
