/* Sees every call by which a process changes files of one folder: notes it, or dies at it.

   Preloaded into the process that records (LD_PRELOAD). Until disk_calls_watch is called it only
   passes calls on. Afterwards it writes one entry per call to the log (layout: struct entry, then
   the bytes), and kills the process with SIGKILL at call number kill_at, after tear_permille of
   the bytes, down to the end of a page, when that call is a write. What the process says on standard output is noted, too:
   so the log tells which disk calls were complete when something was published.

   One mutex makes the order of entries the order of effects. Only a synchronization runs outside
   it: it is noted when it begins and when it has ended, and vouches for what was noted before its
   beginning. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#define MAX_DESCRIPTORS 4096
#define PAGE 4096

struct entry {
  uint64_t kind, inode;
  int64_t offset;
  uint64_t length;
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static char watched_folder[4096];
static size_t folder_length;
static int log_descriptor = -1;
static long calls_seen, call_to_die_at;
static int torn_permille;
static uint64_t inode_of[MAX_DESCRIPTORS]; /* 0: not watched */

static void *real(const char *name) { return dlsym(RTLD_NEXT, name); }

static void put(const void *bytes, size_t length) {
  const char *at = bytes;
  while (length) {
    ssize_t done = syscall(SYS_write, log_descriptor, at, length);
    if (done <= 0) syscall(SYS_exit_group, 99);
    at += done;
    length -= (size_t)done;
  }
}

static void note(char kind, uint64_t inode, int64_t offset, const void *bytes, uint64_t length) {
  struct entry entry = {(uint64_t)kind, inode, offset, length};
  put(&entry, sizeof entry);
  if (bytes) put(bytes, length);
}

static void die(void) {
  syscall(SYS_kill, getpid(), SIGKILL);
  for (;;) pause();
}

/* Counts a call; true when the process must die at it. Under the mutex. */
static int is_last(void) { return ++calls_seen == call_to_die_at; }

static uint64_t inode(int descriptor) {
  return descriptor >= 0 && descriptor < MAX_DESCRIPTORS ? inode_of[descriptor] : 0;
}

static int is_watched(const char *path) {
  return log_descriptor >= 0 && path && !strncmp(path, watched_folder, folder_length) &&
         (path[folder_length] == '/' || !path[folder_length]);
}

static const char *name_of(const char *path) {
  return path[folder_length] ? path + folder_length + 1 : "";
}

/* How many calls were counted since disk_calls_watch. */
long disk_calls_seen(void) { return calls_seen; }

/* Begin: files of `folder` (an absolute path), entries to the file `log`; kill_at 0 is never. */
void disk_calls_watch(const char *folder, const char *log, long kill_at, int tear_permille) {
  strncpy(watched_folder, folder, sizeof watched_folder - 1);
  folder_length = strlen(folder);
  call_to_die_at = kill_at;
  torn_permille = tear_permille;
  log_descriptor = (int)syscall(SYS_openat, AT_FDCWD, log,
                                O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
}

static int opened(const char *path, int flags, mode_t mode, int (*call)(const char *, int, ...)) {
  if (!is_watched(path)) return call(path, flags, mode);
  int creates = (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE;
  pthread_mutex_lock(&mutex);
  struct stat before;
  int is_new = creates && ((flags & O_TMPFILE) == O_TMPFILE || stat(path, &before));
  if (creates && is_last()) die();
  int descriptor = call(path, flags, mode);
  struct stat found;
  if (descriptor >= 0 && descriptor < MAX_DESCRIPTORS && !fstat(descriptor, &found)) {
    inode_of[descriptor] = found.st_ino;
    const char *name = (flags & O_TMPFILE) == O_TMPFILE ? "" : name_of(path);
    if (is_new) note('O', found.st_ino, 0, name, strlen(name));
    else if (flags & O_TRUNC) note('T', found.st_ino, 0, 0, 0);
  }
  pthread_mutex_unlock(&mutex);
  return descriptor;
}

#define OPEN(name)                                            \
  int name(const char *path, int flags, ...) {                \
    va_list more;                                             \
    va_start(more, flags);                                    \
    mode_t mode = va_arg(more, int);                          \
    va_end(more);                                             \
    return opened(path, flags, mode, real(#name));            \
  }
OPEN(open)
OPEN(open64)

static ssize_t written(int descriptor, const void *bytes, size_t length, off_t offset) {
  pthread_mutex_lock(&mutex);
  if (is_last()) {
    /* The kernel looks for a deadly signal between pages, so only whole pages arrive. */
    off_t stop = (offset + (off_t)(length * (size_t)torn_permille / 1000)) / PAGE * PAGE;
    if (stop > offset) syscall(SYS_pwrite64, descriptor, bytes, (size_t)(stop - offset), offset);
    die();
  }
  ssize_t done = syscall(SYS_pwrite64, descriptor, bytes, length, offset);
  if (done > 0) note('W', inode(descriptor), offset, bytes, (uint64_t)done);
  pthread_mutex_unlock(&mutex);
  return done;
}

ssize_t write(int descriptor, const void *bytes, size_t length) {
  if (inode(descriptor)) {
    off_t at = lseek(descriptor, 0, SEEK_CUR);
    ssize_t done = written(descriptor, bytes, length, at);
    if (done > 0) lseek(descriptor, at + done, SEEK_SET);
    return done;
  }
  ssize_t (*call)(int, const void *, size_t) = real("write");
  if (log_descriptor < 0 || descriptor != STDOUT_FILENO) return call(descriptor, bytes, length);
  pthread_mutex_lock(&mutex);
  ssize_t done = call(descriptor, bytes, length);
  if (done > 0) note('P', 0, 0, bytes, (uint64_t)done);
  pthread_mutex_unlock(&mutex);
  return done;
}

ssize_t pwrite64(int descriptor, const void *bytes, size_t length, off64_t offset) {
  if (inode(descriptor)) return written(descriptor, bytes, length, offset);
  return syscall(SYS_pwrite64, descriptor, bytes, length, offset);
}
ssize_t pwrite(int descriptor, const void *bytes, size_t length, off_t offset) {
  return pwrite64(descriptor, bytes, length, offset);
}

int ftruncate64(int descriptor, off64_t length) {
  if (!inode(descriptor)) return (int)syscall(SYS_ftruncate, descriptor, length);
  pthread_mutex_lock(&mutex);
  if (is_last()) die();
  int failed = (int)syscall(SYS_ftruncate, descriptor, length);
  if (!failed) note('T', inode(descriptor), length, 0, 0);
  pthread_mutex_unlock(&mutex);
  return failed;
}
int ftruncate(int descriptor, off_t length) { return ftruncate64(descriptor, length); }

static int synced(int descriptor, long number) {
  uint64_t of = inode(descriptor);
  if (!of) return (int)syscall(number, descriptor);
  pthread_mutex_lock(&mutex);
  if (is_last()) die();
  note('S', of, 0, 0, 0);
  pthread_mutex_unlock(&mutex);
  int failed = (int)syscall(number, descriptor);
  pthread_mutex_lock(&mutex);
  if (!failed) note('D', of, 0, 0, 0);
  pthread_mutex_unlock(&mutex);
  return failed;
}
int fsync(int descriptor) { return synced(descriptor, SYS_fsync); }
int fdatasync(int descriptor) { return synced(descriptor, SYS_fdatasync); }

int close(int descriptor) {
  if (!inode(descriptor)) return (int)syscall(SYS_close, descriptor);
  pthread_mutex_lock(&mutex);
  if (is_last()) die();
  inode_of[descriptor] = 0;
  int failed = (int)syscall(SYS_close, descriptor);
  pthread_mutex_unlock(&mutex);
  return failed;
}

/* Two names in one entry, a zero byte between them. */
static int named(char kind, const char *from, const char *to, int (*call)(const char *, const char *)) {
  if (!is_watched(from)) return call(from, to);
  char names[8192];
  size_t length = strlen(name_of(from));
  memcpy(names, name_of(from), length);
  names[length] = 0;
  size_t more = strlen(name_of(to));
  memcpy(names + length + 1, name_of(to), more);
  pthread_mutex_lock(&mutex);
  if (is_last()) die();
  int failed = call(from, to);
  if (!failed) note(kind, 0, 0, names, length + 1 + more);
  pthread_mutex_unlock(&mutex);
  return failed;
}
int rename(const char *from, const char *to) { return named('R', from, to, real("rename")); }
int link(const char *from, const char *to) { return named('L', from, to, real("link")); }

int unlink(const char *path) {
  int (*call)(const char *) = real("unlink");
  if (!is_watched(path)) return call(path);
  pthread_mutex_lock(&mutex);
  if (is_last()) die();
  int failed = call(path);
  if (!failed) note('U', 0, 0, name_of(path), strlen(name_of(path)));
  pthread_mutex_unlock(&mutex);
  return failed;
}
