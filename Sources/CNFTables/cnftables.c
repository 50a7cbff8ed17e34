#define _GNU_SOURCE
#include "CNFTables.h"

#include <endian.h>
#include <errno.h>
#include <linux/filter.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

static int open_socket(uint32_t groups, int flags, struct sockaddr_nl *address) {
    int descriptor = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | flags, NETLINK_NETFILTER);
    if (descriptor < 0) return -errno;
    *address = (struct sockaddr_nl){.nl_family = AF_NETLINK, .nl_groups = groups};
    socklen_t length = sizeof *address;
    if (bind(descriptor, (struct sockaddr *)address, sizeof *address) != 0 ||
        getsockname(descriptor, (struct sockaddr *)address, &length) != 0) {
        int code = errno;
        close(descriptor);
        return -code;
    }
    return descriptor;
}

int cnftables_open(uint32_t *port) {
    struct sockaddr_nl address;
    int descriptor = open_socket(0, 0, &address);
    if (descriptor < 0) return descriptor;
    *port = address.nl_pid;
    struct timeval timeout = {.tv_sec = 5};
    int room = 16 << 20, answers = 1 << 20, yes = 1;
    // Without CAP_NET_ADMIN these fail, as what is sent will: that is the error to tell.
    (void)setsockopt(descriptor, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof room);
    (void)setsockopt(descriptor, SOL_SOCKET, SO_RCVBUFFORCE, &answers, sizeof answers);
    (void)setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    // An error comes without the message it is about, which may be 64 KiB.
    (void)setsockopt(descriptor, SOL_NETLINK, NETLINK_CAP_ACK, &yes, sizeof yes);
    return descriptor;
}

int cnftables_monitor(uint32_t port) {
    // All messages of one datagram are of one transaction, so of one author; BPF loads numbers in network order.
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct nlmsghdr, nlmsg_pid)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htobe32(port), 0, 1),
        BPF_STMT(BPF_RET | BPF_K, 0),
        BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
    };
    struct sock_fprog program = {.len = sizeof code / sizeof *code, .filter = code};
    struct sockaddr_nl address;
    int descriptor = open_socket(1u << (NFNLGRP_NFTABLES - 1), SOCK_NONBLOCK, &address);
    if (descriptor < 0) return descriptor;
    int room = 1 << 20;
    (void)setsockopt(descriptor, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
    if (setsockopt(descriptor, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) != 0) {
        int problem = errno;
        close(descriptor);
        return -problem;
    }
    return descriptor;
}

int cnftables_send(int descriptor, const void *bytes, size_t length) {
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    for (;;) {
        if (sendto(descriptor, bytes, length, 0, (struct sockaddr *)&kernel, sizeof kernel) >= 0) return 0;
        if (errno != EINTR) return errno;
    }
}

long cnftables_receive(int descriptor, void *out, size_t length, int waits) {
    for (;;) {
        struct sockaddr_nl from = {0};
        socklen_t from_length = sizeof from;
        ssize_t got = recvfrom(
            descriptor, out, length, MSG_TRUNC | (waits ? 0 : MSG_DONTWAIT), (struct sockaddr *)&from, &from_length);
        if (got < 0) {
            if (errno == EINTR) continue;
            if (errno == EAGAIN || errno == EWOULDBLOCK) return waits ? -ETIMEDOUT : 0;
            return -errno;
        }
        // Other processes may send to the socket; only the kernel has port 0.
        if (from.nl_pid != 0) continue;
        return (size_t)got > length ? -EMSGSIZE : got;
    }
}
