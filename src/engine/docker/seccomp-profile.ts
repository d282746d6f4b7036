import dockerDefault from './seccomp/docker-default.json' with { type: 'json' }

/**
 * The system calls that are removed from Docker's profile, because no program of a code runner needs
 * them. Docker allows some of them only in some versions or with some capabilities. They are removed in
 * any case, so that an update of the profile cannot allow them.
 */
const REMOVED = {
  'looks into other processes':
    'kcmp pidfd_getfd process_madvise process_vm_readv process_vm_writev ptrace',
  'keys of the kernel, which have no namespace': 'add_key keyctl request_key',
  'programs, probes and page faults of the kernel':
    'bpf lookup_dcookie perf_event_open userfaultfd',
  mounts:
    'chroot fsconfig fsmount fsopen fspick listmount mount mount_setattr move_mount open_tree ' +
    'open_tree_attr pivot_root quotactl quotactl_fd statmount umount umount2',
  'files without their path': 'fanotify_init name_to_handle_at open_by_handle_at',
  'a second interface to other system calls': 'io_uring_enter io_uring_register io_uring_setup',
  "namespaces; Docker's rules of clone and clone3 refuse their flags": 'setns unshare',
  'segments of 16-bit programs': 'modify_ldt',
  'the modules, power, clock, names, ports and logs of the host':
    'acct clock_settime delete_module finit_module init_module ioperm iopl kexec_file_load ' +
    'kexec_load reboot setdomainname sethostname settimeofday stime swapoff swapon syslog vhangup',
  'sockets, which FAMILIES adds again': 'socket socketcall',
}

/**
 * The families of sockets that programs use: AF_UNIX, AF_INET, AF_INET6, and AF_NETLINK for the list of
 * network interfaces. Others, such as AF_VSOCK and AF_ALG, load modules of the kernel or leave the
 * network namespace.
 */
const FAMILIES = [1, 2, 10, 16]

/**
 * The JSON text of the seccomp profile of the sandboxes: Docker's default profile without
 * {@link REMOVED}, without other {@link FAMILIES}, and without the system calls of 32-bit programs. The
 * kernel ends a 32-bit program.
 */
export const NARROW_PROFILE = narrow(dockerDefault)

function narrow({ archMap, syscalls, ...others }: typeof dockerDefault): string {
  const removed = new Set(Object.values(REMOVED).flatMap((names) => names.split(' ')))
  return JSON.stringify({
    ...others,
    archMap: archMap.map(({ architecture }) => ({ architecture, subArchitectures: [] })),
    syscalls: [
      ...syscalls.flatMap(({ names, ...rule }) => {
        const left = names.filter((name) => !removed.has(name))
        return left.length === 0 ? [] : [{ names: left, ...rule }]
      }),
      ...FAMILIES.map((value) => ({
        names: ['socket'],
        action: 'SCMP_ACT_ALLOW',
        args: [{ index: 0, value, op: 'SCMP_CMP_EQ' }],
      })),
    ],
  })
}
