// rbd-rest-api: Ceph block storage over HTTP
// SPDX-License-Identifier: Apache-2.0

// This library is preloaded into a program that changes images (LD_PRELOAD). It ends or stops the program right before one of its
// changes. So tests can make each state that an interrupted program leaves: after the first change, after the second, and so on.
//
//   CUT_OFF_AT       the number of the change, from 1
//   CUT_OFF_SIGNAL   the signal that the program sends itself: 9 to end (default), 19 to stop. If it is continued, it makes the change
//   CUT_OFF_PID      the process that gets the signal instead, such as the OSD. The program itself then makes the change
//   CUT_OFF_LOG      a file to which the name of each changed object is appended, one per line
//
// It counts changes of RBD's own objects, whose names begin with "rbd_", except data. The daemon makes them with librados' functions
// in C, and librbd with those in C++.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static atomic_int changes;

static void change(const char *object, size_t length) {
    const char *data = "rbd_data.", *own = "rbd_rest_api.";
    if (length < 4 || strncmp(object, "rbd_", 4) != 0) return;
    if (length >= strlen(data) && strncmp(object, data, strlen(data)) == 0) return;
    if (length >= strlen(own) && strncmp(object, own, strlen(own)) == 0) return;
    int number = atomic_fetch_add(&changes, 1) + 1;
    const char *at = getenv("CUT_OFF_AT"), *log = getenv("CUT_OFF_LOG"), *signal = getenv("CUT_OFF_SIGNAL");
    const char *other = getenv("CUT_OFF_PID");
    if (at && number == atoi(at)) kill(other ? atoi(other) : getpid(), signal ? atoi(signal) : SIGKILL);
    if (!log) return;
    int file = open(log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0) return;
    dprintf(file, "%.*s\n", (int)length, object);
    close(file);
}

// The function that would be called without this library.
static void *original(_Atomic(void *) *known, const char *name) {
    void *function = atomic_load(known);
    if (function) return function;
    function = dlsym(RTLD_NEXT, name);
    if (!function) {
        dprintf(2, "CutOff: there is no %s\n", name);
        _exit(70);
    }
    atomic_store(known, function);
    return function;
}

// MARK: librados in C

typedef intptr_t word;

// int rados_write_op_operate(rados_write_op_t, rados_ioctx_t, const char *oid, time_t *, int flags)
word rados_write_op_operate(word operation, word context, const char *object, word time, word flags) {
    static _Atomic(void *) known;
    change(object, strlen(object));
    return ((int (*)(word, word, const char *, word, word))original(&known, "rados_write_op_operate"))(
        operation, context, object, time, flags);
}

// MARK: librados in C++

// Each takes the context and the object's name, and then at most five words or references, which are passed on unread. A function
// that takes fewer ignores the others. A std::string begins with a pointer and a length.
struct text {
    const char *bytes;
    size_t length;
};

#define INTERPOSE(function, mangled)                                                                                          \
    word function(word, const struct text *, word, word, word, word, word) __asm__(mangled);                                  \
    word function(word self, const struct text *object, word a, word b, word c, word d, word e) {                             \
        static _Atomic(void *) known;                                                                                         \
        change(object->bytes, object->length);                                                                                \
        return ((word (*)(word, const struct text *, word, word, word, word, word))original(&known, mangled))(                \
            self, object, a, b, c, d, e);                                                                                     \
    }

#define STRING "RKNSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEE"
#define CONTEXT "_ZN8librados7v14_2_05IoCtx"

// aio_operate(const std::string &, AioCompletion *, ObjectWriteOperation *)
INTERPOSE(aio_operate, CONTEXT "11aio_operateE" STRING "PNS0_13AioCompletionEPNS0_20ObjectWriteOperationE")
// aio_operate(…, snap_t, std::vector<snap_t> &, const blkin_trace_info *)
INTERPOSE(aio_operate_traced, CONTEXT "11aio_operateE" STRING
          "PNS0_13AioCompletionEPNS0_20ObjectWriteOperationEmRSt6vectorImSaImEEPK16blkin_trace_info")
// operate(const std::string &, ObjectWriteOperation *)
INTERPOSE(operate, CONTEXT "7operateE" STRING "PNS0_20ObjectWriteOperationE")
// remove(const std::string &)
INTERPOSE(remove_object, CONTEXT "6removeE" STRING)
// aio_remove(const std::string &, AioCompletion *), and with flags
INTERPOSE(aio_remove, CONTEXT "10aio_removeE" STRING "PNS0_13AioCompletionE")
INTERPOSE(aio_remove_flagged, CONTEXT "10aio_removeE" STRING "PNS0_13AioCompletionEi")
// create(const std::string &, bool)
INTERPOSE(create_object, CONTEXT "6createE" STRING "b")
// write(const std::string &, bufferlist &, size_t, uint64_t)
INTERPOSE(write_object, CONTEXT "5writeE" STRING "RN4ceph6buffer7v15_2_04listEmm")

// exec(const std::string &, const char *class, const char *method, bufferlist &, bufferlist &): a method that only reads has "get" or
// "list" in its name.
word exec_class(word, const struct text *, const char *, const char *, word, word) __asm__(
    CONTEXT "4execE" STRING "PKcSB_RN4ceph6buffer7v15_2_04listESG_");
word exec_class(word self, const struct text *object, const char *class, const char *method, word input, word output) {
    static _Atomic(void *) known;
    if (!strstr(method, "get") && !strstr(method, "list")) change(object->bytes, object->length);
    return ((int (*)(word, const struct text *, const char *, const char *, word, word))original(
        &known, CONTEXT "4execE" STRING "PKcSB_RN4ceph6buffer7v15_2_04listESG_"))(self, object, class, method, input, output);
}
