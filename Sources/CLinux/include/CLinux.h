// Linux calls that Swift's Glibc module does not carry, and a few kernels in C.
#ifndef CLINUX_H
#define CLINUX_H

#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <sys/types.h>

/// The part of `struct statx` that identifies a file.
struct clinux_file_status {
    uint64_t device;
    uint64_t inode;
    uint64_t size;
    /// Nanoseconds since the epoch; 0 where the file system keeps no birth time.
    int64_t birth_time;
    int64_t modification_time;
    int64_t change_time;
    uint32_t mode;
    uint32_t link_count;
    uint64_t allocated_bytes;
};

/// statx(2) by path, following symbolic links unless told otherwise. Returns 0 or a positive errno.
int clinux_status_of_path(const char *path, int follow_links, struct clinux_file_status *out);
/// statx(2) of an open descriptor. Returns 0 or a positive errno.
int clinux_status_of_descriptor(int descriptor, struct clinux_file_status *out);

/// memmem(3): the first occurrence of `needle`, or NULL.
const void *clinux_memmem(const void *haystack, size_t haystack_length, const void *needle, size_t needle_length);
/// memrchr(3): the last occurrence of `byte`, or NULL.
const void *clinux_memrchr(const void *bytes, int byte, size_t length);

/// 1 if the bytes are well-formed UTF-8, else 0; 16 bytes a step where they are ASCII.
int clinux_is_utf8(const void *bytes, size_t length);

/// CRC-32C (Castagnoli) of `length` bytes, continuing from `crc` (0 to begin).
uint32_t clinux_crc32c(uint32_t crc, const void *bytes, size_t length);

/// Names the calling thread (at most 15 bytes) as ps and top show it.
void clinux_name_thread(const char *name);
/// At most this many malloc arenas in the process.
void clinux_limit_arenas(int count);
/// Gives free heap memory back to the kernel.
void clinux_trim_heap(void);
/// Bytes that malloc has handed out and not got back.
size_t clinux_heap_bytes_in_use(void);
/// Drops the resident pages of every shared file mapping whose path contains `fragment`; the page cache keeps
/// them, so a later access maps them again. Returns the number of mappings dropped.
int clinux_release_mappings(const char *fragment);
/// Drops the resident pages of all code and constants, which come back from the page cache when they are next
/// used: what only the start needed is then not resident. Returns the number of segments dropped.
int clinux_release_code(void);
/// Bytes of files that are resident in this process: code, constants, mapped files.
size_t clinux_resident_file_bytes(void);

/// From now on the calling thread reads zeros where a file it has mapped was truncated, instead of being killed by
/// SIGBUS. Other threads, and a SIGBUS of any other cause, keep the action that was there before.
/// Returns 0 or a positive errno.
int clinux_guard_mappings(void);
/// How often that has happened to the calling thread.
uint64_t clinux_mapping_faults(void);

/// open(2) with its mode, which Swift cannot pass. Returns a descriptor or a negative errno.
int clinux_open(const char *path, int flags, unsigned mode);
/// Whether an open file is of procfs: 1 or 0.
int clinux_is_procfs(int descriptor);
/// getdents64(2): entries of an open directory as the kernel packs them. Returns bytes, 0 at the end, or a negative
/// errno.
int clinux_directory_entries(int descriptor, void *out, size_t length);
/// Reads file `name` of an open directory from its start until `capacity` bytes are there, the file ends or, unless
/// `until_end`, a read gives less than asked: what the kernel writes in one piece is read with one call. Returns bytes or
/// a negative errno.
int64_t clinux_read_at(int directory, const char *name, void *out, size_t capacity, int until_end);
/// fcntl(F_SETFL, O_NONBLOCK). Returns 0 or a positive errno.
int clinux_set_nonblocking(int descriptor);
/// An advisory write lock on the whole file, not waiting. Returns 0 or a positive errno.
int clinux_lock_file(int descriptor);

/// An IPv4 or IPv6 address.
struct clinux_address {
    /// 4 or 6.
    int version;
    /// In network order; the first four for IPv4.
    uint8_t bytes[16];
    /// Of a link-local IPv6 address.
    uint32_t scope;
};

/// getaddrinfo(3): addresses of a name, or an address as it is written. `version` is 4, 6 or 0 for both. Returns how
/// many there are (at most `capacity`), or a negative EAI_ code. Blocks for as long as the resolver likes.
int clinux_resolve(const char *name, int version, struct clinux_address *out, int capacity);
/// What a code of `clinux_resolve`, made positive again, means.
const char *clinux_resolve_error(int code);
/// A TCP connection, not blocking, made within so many milliseconds. Returns a descriptor or a negative errno.
int clinux_tcp_connect(const struct clinux_address *address, uint16_t port, int milliseconds);
/// A UDP socket, not blocking, that talks to one address. Returns a descriptor or a negative errno.
int clinux_udp_connect(const struct clinux_address *address, uint16_t port);
/// A socket for echo requests: an unprivileged one where net.ipv4.ping_group_range allows it, else a raw one. `is_raw`
/// is 1 for the latter. Returns a descriptor or a negative errno.
int clinux_echo_socket(const struct clinux_address *address, int *is_raw);
/// Sends one datagram. Returns 0 or a positive errno.
int clinux_echo_send(int descriptor, const struct clinux_address *address, const void *bytes, size_t length);
/// Receives one datagram of `address`, without an IPv4 header, within so many milliseconds. `hop_limit` is its TTL or
/// hop limit, -1 if that is not known. Returns bytes, or a negative errno (ETIMEDOUT when nothing came).
int clinux_echo_receive(int descriptor, int is_raw, const struct clinux_address *address, void *out, size_t length,
                        int milliseconds, int *hop_limit);

/// A netlink socket whose calls give up after so many seconds. Returns a descriptor or a negative errno.
int clinux_netlink_open(int protocol, int timeout_seconds);
/// Asks for a dump: a header and `body` behind it. Returns 0 or a positive errno.
int clinux_netlink_dump(int descriptor, uint16_t type, uint32_t sequence, const void *body, size_t length);
/// The next part of the kernel's answer. Returns bytes or a negative errno: ETIMEDOUT where none came, EMSGSIZE where
/// `length` does not suffice.
long clinux_netlink_receive(int descriptor, void *out, size_t length);
/// The name of a network device, not ended by a zero. Returns bytes or a negative errno.
int clinux_device_name(int index, void *out, size_t length);
/// uname(2): sysname, nodename, release, version, machine, domainname, each ended by a zero. Returns bytes or a
/// negative errno.
int clinux_uname(void *out, size_t length);

/// What adjtimex(2) tells, in its units; `state` is what it returns.
struct clinux_clock {
    int64_t offset, frequency, max_error, estimated_error, constant, tick;
    int64_t pps_frequency, jitter, stability, jitter_count, calibrations, errors, stability_count;
    int32_t status, shift, tai, state;
};
/// Returns 0 or a positive errno.
int clinux_clock_state(struct clinux_clock *out);

/// The part of `struct statfs` that says how full a file system is.
struct clinux_space {
    /// Bytes of a block.
    uint64_t block_size;
    uint64_t blocks;
    uint64_t free_blocks;
    /// Those of the free that users other than root may have.
    uint64_t available_blocks;
    uint64_t files;
    uint64_t free_files;
};

/// statfs(2); it can hang for as long as the file system's server does. Returns 0 or a positive errno.
int clinux_space(const char *path, struct clinux_space *out);

/// What ETHTOOL_GSET tells of a network device's link: sets of link modes.
struct clinux_ethtool_link {
    uint32_t supported, advertised;
    uint8_t autonegotiation;
};
/// Returns 0 or a positive errno.
int clinux_ethtool_settings(const char *device, struct clinux_ethtool_link *out);
/// ETHTOOL_GDRVINFO: driver, version, firmware's version, bus, ROM's version, each ended by a zero. Returns bytes or a
/// negative errno.
long clinux_ethtool_driver(const char *device, void *out, size_t length);
/// ETHTOOL_GSTATS: for each counter its name, padded with zeros to 32 bytes, and 8 bytes of value. Returns bytes or a
/// negative errno.
long clinux_ethtool_counters(const char *device, void *out, size_t length);

/// What a SCSI device answered.
struct clinux_scsi_answer {
    /// 0 for good, 2 for a check condition: the sense tells what.
    uint8_t status;
    uint8_t sense_length;
    uint8_t sense[64];
    /// Bytes of data.
    uint32_t length;
};
/// One command of at most 16 bytes by SG_IO, with `length` bytes from the device at most. It can hang for longer than the
/// timeout where the kernel resets the device. Returns 0 when the device answered, or a positive errno.
int clinux_scsi_command(int descriptor, const void *command, size_t command_length, void *out, size_t length,
                        unsigned timeout_milliseconds, struct clinux_scsi_answer *answer);
/// One admin command of NVMe that reads. Returns 0, the controller's status (positive), or a negative errno.
int clinux_nvme_admin(int descriptor, uint8_t opcode, uint32_t name_space, uint32_t word10, void *out, size_t length,
                      unsigned timeout_milliseconds);

/// BTRFS_IOC_FS_INFO of any open file of the file system.
struct clinux_btrfs_file_system {
    /// Devices have numbers up to this one; not all numbers have a device.
    uint64_t most_device;
    uint64_t device_count;
};
/// Writes the file system's id, 36 bytes of text, to `id`. Returns 0 or a positive errno.
int clinux_btrfs_file_system(int descriptor, struct clinux_btrfs_file_system *out, char *id);
/// BTRFS_IOC_DEV_INFO and BTRFS_IOC_GET_DEV_STATS.
struct clinux_btrfs_device {
    uint64_t size, used;
    uint64_t write_errors, read_errors, flush_errors, corruption_errors, generation_errors;
    uint32_t name_length;
};
/// Writes the device's id, 36 bytes of text, and behind it its name, at most 255 bytes, to `text`. Returns 0 or a positive
/// errno: ENODEV where there is no device of this number.
int clinux_btrfs_device(int descriptor, uint64_t number, struct clinux_btrfs_device *out, char *text);

/// A file in memory with these bytes, at its beginning, closed on exec. Returns its descriptor or a negative errno.
int clinux_memory_file(const void *bytes, size_t length);
/// Runs `arguments[0]` in `/` and in a process group of its own, with nothing open but `input` as its standard input and a
/// pipe for both outputs, whose other end, which does not block, becomes `output`. Both lists end with NULL. Returns 0 or a
/// positive errno.
int clinux_spawn(const char *const *arguments, const char *const *environment, int input, int *output, pid_t *process);
/// From now on SIGCHLD, and SIGINT, SIGQUIT, SIGTERM and SIGHUP unless ignored, come out of `notes`, which does not block: two
/// bytes each, the number and whether the kernel sent it while the command of `clinux_spawn_foreground` ran (a terminal does,
/// to the command too). Once in a process. Returns 0 or a positive errno.
int clinux_watch_signals(int *notes);
/// Runs `arguments[0]`, looked for in PATH, with what this process has: its streams, environment, directory and process
/// group. Once in a process. Returns 0 or a positive errno.
int clinux_spawn_foreground(const char *const *arguments, pid_t *process);

#endif
