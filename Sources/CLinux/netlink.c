// What the host's collectors ask the kernel by system call and by netlink instead of by file.
#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/netlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <unistd.h>

int clinux_netlink_open(int protocol, int timeout_seconds) {
    int descriptor = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
    if (descriptor < 0) return -errno;
    struct timeval timeout = {.tv_sec = timeout_seconds};
    int strict = 1;
    if (setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout) != 0 ||
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout) != 0) {
        int code = errno;
        close(descriptor);
        return -code;
    }
    // Lets the kernel filter dumps; before Linux 4.20 it does not know the option and sends more than was asked for.
    (void)setsockopt(descriptor, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &strict, sizeof strict);
    return descriptor;
}

int clinux_netlink_dump(int descriptor, uint16_t type, uint32_t sequence, const void *body, size_t length) {
    struct nlmsghdr header = {
        .nlmsg_len = (uint32_t)(NLMSG_HDRLEN + length),
        .nlmsg_type = type,
        .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
        .nlmsg_seq = sequence,
    };
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    struct iovec parts[2] = {{&header, sizeof header}, {(void *)body, length}};
    struct msghdr message = {.msg_name = &kernel, .msg_namelen = sizeof kernel, .msg_iov = parts, .msg_iovlen = 2};
    for (;;) {
        if (sendmsg(descriptor, &message, 0) >= 0) return 0;
        if (errno != EINTR) return errno;
    }
}

long clinux_netlink_receive(int descriptor, void *out, size_t length) {
    for (;;) {
        struct sockaddr_nl from = {0};
        socklen_t from_length = sizeof from;
        ssize_t got = recvfrom(descriptor, out, length, MSG_TRUNC, (struct sockaddr *)&from, &from_length);
        if (got < 0) {
            if (errno == EINTR) continue;
            return errno == EAGAIN ? -ETIMEDOUT : -errno;
        }
        // Any process may send to the socket; only the kernel has port 0.
        if (from.nl_pid != 0) continue;
        return (size_t)got > length ? -EMSGSIZE : got;
    }
}

int clinux_device_name(int index, void *out, size_t length) {
    char name[IF_NAMESIZE];
    if (index <= 0 || !if_indextoname((unsigned)index, name)) return -ENODEV;
    size_t used = strnlen(name, sizeof name);
    if (used > length) return -EMSGSIZE;
    memcpy(out, name, used);
    return (int)used;
}

int clinux_uname(void *out, size_t length) {
    struct utsname name;
    if (uname(&name) != 0) return -errno;
    const char *fields[] = {name.sysname, name.nodename, name.release, name.version, name.machine, name.domainname};
    size_t used = 0;
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        size_t size = strnlen(fields[i], sizeof name.sysname - 1);
        if (used + size + 1 > length) return -EMSGSIZE;
        memcpy((char *)out + used, fields[i], size);
        used += size;
        ((char *)out)[used++] = 0;
    }
    return (int)used;
}

int clinux_clock_state(struct clinux_clock *out) {
    struct timex clock = {0};
    int state = adjtimex(&clock);
    if (state < 0) return errno;
    *out = (struct clinux_clock){
        .offset = clock.offset,
        .frequency = clock.freq,
        .max_error = clock.maxerror,
        .estimated_error = clock.esterror,
        .constant = clock.constant,
        .tick = clock.tick,
        .pps_frequency = clock.ppsfreq,
        .jitter = clock.jitter,
        .stability = clock.stabil,
        .jitter_count = clock.jitcnt,
        .calibrations = clock.calcnt,
        .errors = clock.errcnt,
        .stability_count = clock.stbcnt,
        .status = clock.status,
        .shift = clock.shift,
        .tai = clock.tai,
        .state = state,
    };
    return 0;
}

// Asks the driver of a device. Returns 0 or a positive errno.
static int ask_driver(const char *device, void *command) {
    struct ifreq request = {0};
    size_t length = strlen(device);
    if (length >= sizeof request.ifr_name) return ENODEV;
    memcpy(request.ifr_name, device, length);
    request.ifr_data = command;
    int descriptor = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0) return errno;
    int code = ioctl(descriptor, SIOCETHTOOL, &request) == 0 ? 0 : errno;
    close(descriptor);
    return code;
}

int clinux_ethtool_settings(const char *device, struct clinux_ethtool_link *out) {
    struct ethtool_cmd command = {.cmd = ETHTOOL_GSET};
    int code = ask_driver(device, &command);
    if (code == 0)
        *out = (struct clinux_ethtool_link){
            .supported = command.supported, .advertised = command.advertising, .autonegotiation = command.autoneg};
    return code;
}

long clinux_ethtool_driver(const char *device, void *out, size_t length) {
    struct ethtool_drvinfo info = {.cmd = ETHTOOL_GDRVINFO};
    int code = ask_driver(device, &info);
    if (code != 0) return -code;
    const struct {
        const char *text;
        size_t size;
    } fields[] = {{info.driver, sizeof info.driver},
                  {info.version, sizeof info.version},
                  {info.fw_version, sizeof info.fw_version},
                  {info.bus_info, sizeof info.bus_info},
                  {info.erom_version, sizeof info.erom_version}};
    size_t used = 0;
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        size_t size = strnlen(fields[i].text, fields[i].size);
        if (used + size + 1 > length) return -EMSGSIZE;
        memcpy((char *)out + used, fields[i].text, size);
        used += size;
        ((char *)out)[used++] = 0;
    }
    return (long)used;
}

long clinux_ethtool_counters(const char *device, void *out, size_t length) {
    struct ethtool_drvinfo info = {.cmd = ETHTOOL_GDRVINFO};
    int code = ask_driver(device, &info);
    if (code != 0) return -code;
    size_t count = info.n_stats;
    if (count == 0) return 0;
    if (count > length / 40) return -EMSGSIZE;
    // The kernel writes as many as the driver has by then, whatever was asked for: leave room for some more.
    size_t room = count * 2 + 256;
    struct ethtool_gstrings *names = calloc(1, sizeof *names + room * ETH_GSTRING_LEN);
    struct ethtool_stats *values = calloc(1, sizeof *values + room * sizeof(uint64_t));
    if (!names || !values) {
        code = ENOMEM;
    } else {
        *names = (struct ethtool_gstrings){.cmd = ETHTOOL_GSTRINGS, .string_set = ETH_SS_STATS, .len = (uint32_t)count};
        *values = (struct ethtool_stats){.cmd = ETHTOOL_GSTATS, .n_stats = (uint32_t)count};
        code = ask_driver(device, names);
        if (code == 0) code = ask_driver(device, values);
    }
    if (code == 0) {
        if (names->len < count) count = names->len;
        if (values->n_stats < count) count = values->n_stats;
        for (size_t i = 0; i < count; i++) {
            memcpy((char *)out + i * 40, names->data + i * ETH_GSTRING_LEN, ETH_GSTRING_LEN);
            memcpy((char *)out + i * 40 + ETH_GSTRING_LEN, &values->data[i], sizeof(uint64_t));
        }
    }
    free(names);
    free(values);
    return code == 0 ? (long)(count * 40) : -code;
}
