#ifndef CRADOS_SHIM_H
#define CRADOS_SHIM_H
#include <pthread.h>
#include <rados/librados.h>

/* glibc shows it only under _GNU_SOURCE, which a module can't set. It names the threads that sit in librados calls. */
extern int pthread_setname_np(pthread_t thread, const char *name);

/* `struct timeval` counts as part of whichever C module a build happens to read first, and Swift lets only the importers of
   that one set its members. So it is set here. */
static inline int crados_lock_exclusive(rados_ioctx_t io, const char *object, const char *name, const char *cookie,
                                        const char *description, long seconds, long microseconds, uint8_t flags) {
    struct timeval duration = {.tv_sec = seconds, .tv_usec = microseconds};
    return rados_lock_exclusive(io, object, name, cookie, description, &duration, flags);
}
#endif
