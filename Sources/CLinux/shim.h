// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

// Functions that glibc declares only with _GNU_SOURCE, which Swift's own module for it does not set; and stat(2), whose
// type would belong to different modules depending on which files are compiled together.

#pragma once

#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

extern int fallocate(int descriptor, int mode, off_t offset, off_t length);

// FALLOC_FL_KEEP_SIZE of linux/falloc.h: reserves space without changing the file's length.
static const int clinux_keep_size = 1;

// mallopt(3) of malloc.h, and the parameters that the service sets.
extern int mallopt(int parameter, int value);
static const int clinux_trim_threshold = -1;
static const int clinux_mmap_threshold = -3;
static const int clinux_arena_max = -8;

// The value of SO_PEERCRED: unix(7).
struct clinux_ucred {
    pid_t pid;
    uid_t uid;
    gid_t gid;
};

// The attributes of a file that the service uses.
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
