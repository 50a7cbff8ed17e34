#define _GNU_SOURCE
#include "CLinux.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static int64_t now_milliseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static socklen_t fill(const struct clinux_address *address, uint16_t port, struct sockaddr_storage *out) {
    memset(out, 0, sizeof *out);
    if (address->version == 4) {
        struct sockaddr_in *v4 = (struct sockaddr_in *)out;
        v4->sin_family = AF_INET;
        v4->sin_port = htons(port);
        memcpy(&v4->sin_addr, address->bytes, 4);
        return sizeof *v4;
    }
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    v6->sin6_scope_id = address->scope;
    memcpy(&v6->sin6_addr, address->bytes, 16);
    return sizeof *v6;
}

int clinux_resolve(const char *name, int version, struct clinux_address *out, int capacity) {
    struct addrinfo hints;
    memset(&hints, 0, sizeof hints);
    hints.ai_family = version == 4 ? AF_INET : version == 6 ? AF_INET6 : AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    struct addrinfo *list = NULL;
    int code = getaddrinfo(name, NULL, &hints, &list);
    if (code != 0) return code < 0 ? code : -code;
    int count = 0;
    for (struct addrinfo *item = list; item != NULL && count < capacity; item = item->ai_next) {
        struct clinux_address *address = &out[count];
        memset(address, 0, sizeof *address);
        if (item->ai_family == AF_INET) {
            address->version = 4;
            memcpy(address->bytes, &((struct sockaddr_in *)item->ai_addr)->sin_addr, 4);
        } else if (item->ai_family == AF_INET6) {
            struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)item->ai_addr;
            address->version = 6;
            address->scope = v6->sin6_scope_id;
            memcpy(address->bytes, &v6->sin6_addr, 16);
        } else {
            continue;
        }
        count++;
    }
    freeaddrinfo(list);
    return count;
}

const char *clinux_resolve_error(int code) { return gai_strerror(-code); }

int clinux_tcp_connect(const struct clinux_address *address, uint16_t port, int milliseconds) {
    struct sockaddr_storage target;
    socklen_t length = fill(address, port, &target);
    int descriptor = socket(target.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (descriptor < 0) return -errno;
    int code = 0;
    if (connect(descriptor, (struct sockaddr *)&target, length) != 0) {
        code = errno;
        if (code == EINPROGRESS) {
            struct pollfd wait = {.fd = descriptor, .events = POLLOUT};
            int64_t deadline = now_milliseconds() + milliseconds;
            int ready;
            do {
                int64_t left = deadline - now_milliseconds();
                ready = poll(&wait, 1, left > 0 ? (int)left : 0);
            } while (ready < 0 && errno == EINTR);
            socklen_t size = sizeof code;
            if (ready == 0) code = ETIMEDOUT;
            else if (ready < 0) code = errno;
            else if (getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &size) != 0) code = errno;
        }
    }
    if (code != 0) {
        close(descriptor);
        return -code;
    }
    return descriptor;
}

int clinux_udp_connect(const struct clinux_address *address, uint16_t port) {
    struct sockaddr_storage target;
    socklen_t length = fill(address, port, &target);
    int descriptor = socket(target.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (descriptor < 0) return -errno;
    if (connect(descriptor, (struct sockaddr *)&target, length) != 0) {
        int code = errno;
        close(descriptor);
        return -code;
    }
    return descriptor;
}

int clinux_echo_socket(const struct clinux_address *address, int *is_raw) {
    int is_v4 = address->version == 4;
    int family = is_v4 ? AF_INET : AF_INET6;
    int protocol = is_v4 ? (int)IPPROTO_ICMP : (int)IPPROTO_ICMPV6;
    *is_raw = 0;
    int descriptor = socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
    if (descriptor < 0) {
        *is_raw = 1;
        descriptor = socket(family, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
    }
    if (descriptor < 0) return -errno;
    int on = 1;
    if (is_v4) {
        setsockopt(descriptor, IPPROTO_IP, IP_RECVTTL, &on, sizeof on);
    } else {
        setsockopt(descriptor, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, &on, sizeof on);
        if (*is_raw) {
            struct icmp6_filter filter;
            ICMP6_FILTER_SETBLOCKALL(&filter);
            ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &filter);
            setsockopt(descriptor, IPPROTO_ICMPV6, ICMP6_FILTER, &filter, sizeof filter);
        }
    }
    return descriptor;
}

int clinux_echo_send(int descriptor, const struct clinux_address *address, const void *bytes, size_t length) {
    struct sockaddr_storage target;
    socklen_t size = fill(address, 0, &target);
    return sendto(descriptor, bytes, length, 0, (struct sockaddr *)&target, size) < 0 ? errno : 0;
}

// Whether a datagram came from `address`.
static int is_from(const struct sockaddr_storage *from, const struct clinux_address *address) {
    if (address->version == 4)
        return from->ss_family == AF_INET &&
               memcmp(&((const struct sockaddr_in *)from)->sin_addr, address->bytes, 4) == 0;
    return from->ss_family == AF_INET6 &&
           memcmp(&((const struct sockaddr_in6 *)from)->sin6_addr, address->bytes, 16) == 0;
}

static int hop_limit_of(struct msghdr *message) {
    for (struct cmsghdr *item = CMSG_FIRSTHDR(message); item != NULL; item = CMSG_NXTHDR(message, item)) {
        int is_v4 = item->cmsg_level == IPPROTO_IP && item->cmsg_type == IP_TTL;
        int is_v6 = item->cmsg_level == IPPROTO_IPV6 && item->cmsg_type == IPV6_HOPLIMIT;
        if (is_v4 || is_v6) {
            int value;
            memcpy(&value, CMSG_DATA(item), sizeof value);
            return value;
        }
    }
    return -1;
}

int clinux_echo_receive(int descriptor, int is_raw, const struct clinux_address *address, void *out, size_t length,
                        int milliseconds, int *hop_limit) {
    int64_t deadline = now_milliseconds() + milliseconds;
    for (;;) {
        int64_t left = deadline - now_milliseconds();
        struct pollfd wait = {.fd = descriptor, .events = POLLIN};
        int ready = poll(&wait, 1, left > 0 ? (int)left : 0);
        if (ready < 0 && errno == EINTR) continue;
        if (ready < 0) return -errno;
        if (ready == 0) return -ETIMEDOUT;
        struct sockaddr_storage from;
        struct iovec vector = {.iov_base = out, .iov_len = length};
        char control[256];
        struct msghdr message = {.msg_name = &from,
                                 .msg_namelen = sizeof from,
                                 .msg_iov = &vector,
                                 .msg_iovlen = 1,
                                 .msg_control = control,
                                 .msg_controllen = sizeof control};
        ssize_t got = recvmsg(descriptor, &message, 0);
        if (got < 0) {
            if (errno == EAGAIN || errno == EINTR) continue;
            return -errno;
        }
        if (!is_from(&from, address)) continue;
        *hop_limit = hop_limit_of(&message);
        if (is_raw && address->version == 4) {
            // A raw IPv4 socket hands out the IP header too.
            size_t header = got > 0 ? (size_t)(((unsigned char *)out)[0] & 15) * 4 : 0;
            if (header < 20 || header > (size_t)got) continue;
            got -= (ssize_t)header;
            memmove(out, (char *)out + header, (size_t)got);
        }
        return (int)got;
    }
}
