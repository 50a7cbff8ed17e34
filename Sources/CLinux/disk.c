// What the collectors of disks and btrfs ask the kernel by ioctl(2).
#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <linux/btrfs.h>
#include <linux/nvme_ioctl.h>
#include <scsi/sg.h>
#include <string.h>
#include <sys/ioctl.h>

int clinux_scsi_command(int descriptor, const void *command, size_t command_length, void *out, size_t length,
                        unsigned timeout_milliseconds, struct clinux_scsi_answer *answer) {
    memset(answer, 0, sizeof *answer);
    if (command_length > 16 || length > 1 << 20) return EINVAL;
    struct sg_io_hdr request = {
        .interface_id = 'S',
        .dxfer_direction = length > 0 ? SG_DXFER_FROM_DEV : SG_DXFER_NONE,
        .cmd_len = (unsigned char)command_length,
        .mx_sb_len = sizeof answer->sense,
        .dxfer_len = (unsigned)length,
        .dxferp = out,
        .cmdp = (unsigned char *)command,
        .sbp = answer->sense,
        .timeout = timeout_milliseconds,
    };
    while (ioctl(descriptor, SG_IO, &request) != 0) {
        if (errno != EINTR) return errno;
    }
    // Not what the device says, but that nothing reached it or came back.
    if (request.host_status != 0) return request.host_status == 3 ? ETIMEDOUT : EIO;
    answer->status = request.status;
    answer->sense_length = request.sb_len_wr;
    size_t left = request.resid > 0 ? (size_t)request.resid : 0;
    answer->length = (uint32_t)(left < length ? length - left : 0);
    return 0;
}

int clinux_nvme_admin(int descriptor, uint8_t opcode, uint32_t name_space, uint32_t word10, void *out, size_t length,
                      unsigned timeout_milliseconds) {
    struct nvme_admin_cmd command = {
        .opcode = opcode,
        .nsid = name_space,
        .addr = (uint64_t)(uintptr_t)out,
        .data_len = (uint32_t)length,
        .cdw10 = word10,
        .timeout_ms = timeout_milliseconds,
    };
    for (;;) {
        int status = ioctl(descriptor, NVME_IOCTL_ADMIN_CMD, &command);
        if (status >= 0) return status;
        if (errno != EINTR) return -errno;
    }
}

// As libuuid writes it: 36 bytes, no zero.
static void write_uuid(const uint8_t id[16], char *out) {
    static const char digits[] = "0123456789abcdef";
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) *out++ = '-';
        *out++ = digits[id[i] >> 4];
        *out++ = digits[id[i] & 15];
    }
}

int clinux_btrfs_file_system(int descriptor, struct clinux_btrfs_file_system *out, char *id) {
    struct btrfs_ioctl_fs_info_args info = {0};
    if (ioctl(descriptor, BTRFS_IOC_FS_INFO, &info) != 0) return errno;
    out->most_device = info.max_id;
    out->device_count = info.num_devices;
    write_uuid(info.fsid, id);
    return 0;
}

int clinux_btrfs_device(int descriptor, uint64_t number, struct clinux_btrfs_device *out, char *text) {
    struct btrfs_ioctl_dev_info_args info = {.devid = number};
    if (ioctl(descriptor, BTRFS_IOC_DEV_INFO, &info) != 0) return errno;
    struct btrfs_ioctl_get_dev_stats stats = {.devid = number, .nr_items = BTRFS_DEV_STAT_VALUES_MAX};
    if (ioctl(descriptor, BTRFS_IOC_GET_DEV_STATS, &stats) != 0) return errno;
    info.path[sizeof info.path - 1] = 0;
    const char *slash = strrchr((const char *)info.path, '/');
    const char *name = slash ? slash + 1 : (const char *)info.path;
    size_t length = strnlen(name, 255);
    *out = (struct clinux_btrfs_device){
        .size = info.total_bytes,
        .used = info.bytes_used,
        .write_errors = stats.values[BTRFS_DEV_STAT_WRITE_ERRS],
        .read_errors = stats.values[BTRFS_DEV_STAT_READ_ERRS],
        .flush_errors = stats.values[BTRFS_DEV_STAT_FLUSH_ERRS],
        .corruption_errors = stats.values[BTRFS_DEV_STAT_CORRUPTION_ERRS],
        .generation_errors = stats.values[BTRFS_DEV_STAT_GENERATION_ERRS],
        .name_length = (uint32_t)length,
    };
    write_uuid(info.uuid, text);
    memcpy(text + 36, name, length);
    return 0;
}
