// The kernel's packet filter, nf_tables, by netlink: the numbers of its messages and the socket that carries them.
#ifndef CNFTABLES_H
#define CNFTABLES_H

#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <stddef.h>
#include <stdint.h>

/// A socket for commands and dumps, with room for batches of up to 32 MiB; `port` becomes its port number, which the
/// kernel names as the author of what is changed through it. Returns a descriptor or a negative errno.
int cnftables_open(uint32_t *port);
/// A socket that gets what others change in any table: everything but the changes of the author `port`. It does not
/// block. Returns a descriptor or a negative errno.
int cnftables_monitor(uint32_t port);
/// Sends messages to the kernel, which has done them when this returns. Returns 0 or a positive errno.
int cnftables_send(int descriptor, const void *bytes, size_t length);
/// The kernel's next answer, which may be awaited for five seconds where `waits`. Returns bytes, 0 where there is none, or
/// a negative errno: ENOBUFS where some were lost, EMSGSIZE where `length` does not suffice.
long cnftables_receive(int descriptor, void *out, size_t length, int waits);

#endif
