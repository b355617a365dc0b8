#ifndef CRADOS_SHIM_H
#define CRADOS_SHIM_H
#include <pthread.h>
#include <rados/librados.h>

/* glibc declares this only with _GNU_SOURCE, which a module can't set. It names the threads that run librados calls. */
extern int pthread_setname_np(pthread_t thread, const char *name);
#endif
