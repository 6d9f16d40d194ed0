/*
 * The first process of every pod: it holds the pod's namespaces, reaps processes that lost their parent, and ends on TERM or INT.
 *
 * With the path of a network namespace as its argument it enters that namespace, then gives up every capability for good.
 * An error ends it with errno as exit code. No C library: the file stays at about a kilobyte and has nothing to update.
 */
#include <asm/unistd.h>
#include <linux/capability.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <linux/signal.h>
#include <linux/wait.h>

#if defined(__x86_64__)
__asm__(".globl _start\n_start:\n xor %ebp, %ebp\n mov %rsp, %rdi\n and $-16, %rsp\n call begin\n");

static long call(long number, long a, long b, long c, long d) {
  long result;
  register long fourth __asm__("r10") = d;
  __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(fourth) : "rcx", "r11", "memory");
  return result;
}
#elif defined(__aarch64__)
__asm__(".globl _start\n_start:\n mov x29, #0\n mov x30, #0\n mov x0, sp\n bl begin\n");

static long call(long number, long a, long b, long c, long d) {
  register long x8 __asm__("x8") = number;
  register long x0 __asm__("x0") = a;
  register long x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = c;
  register long x3 __asm__("x3") = d;
  __asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3) : "memory");
  return x0;
}
#else
#error "No system calls known for this processor"
#endif

static _Noreturn void end(long code) {
  for (;;) call(__NR_exit_group, code, 0, 0, 0);
}

/* System calls answer failure with a negative errno. */
static long require(long result) {
  if (result < 0) end(-result);
  return result;
}

static void enter(const char *path) {
  long file = require(call(__NR_openat, AT_FDCWD, (long)path, O_RDONLY | O_CLOEXEC, 0));
  require(call(__NR_setns, file, CLONE_NEWNET, 0, 0));
  require(call(__NR_close, file, 0, 0, 0));
}

static void drop_capabilities(void) {
  static struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  static struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3];
  long result = 0;
  for (long capability = 0; result != -EINVAL; capability++) {
    result = call(__NR_prctl, PR_CAPBSET_DROP, capability, 0, 0);
    if (result != -EINVAL) require(result);
  }
  require(call(__NR_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0));
  require(call(__NR_capset, (long)&header, (long)none, 0, 0));
  require(call(__NR_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0));
}

/* Blocked signals are never ignored, not even those which the kernel else keeps from process 1. */
static void wait_for_end(void) {
  static const unsigned long signals = 1UL << (SIGTERM - 1) | 1UL << (SIGINT - 1) | 1UL << (SIGCHLD - 1);
  require(call(__NR_rt_sigprocmask, SIG_BLOCK, (long)&signals, 0, sizeof signals));
  for (;;) {
    long signal = call(__NR_rt_sigtimedwait, (long)&signals, 0, 0, sizeof signals);
    if (signal == SIGTERM || signal == SIGINT) end(0);
    while (call(__NR_wait4, -1, 0, WNOHANG, 0) > 0) {
    }
  }
}

__attribute__((used)) _Noreturn void begin(long *stack) {
  long argc = stack[0];
  char **argv = (char **)(stack + 1);
  if (argc > 1) {
    enter(argv[1]);
    drop_capabilities();
  }
  wait_for_end();
  end(0);
}
