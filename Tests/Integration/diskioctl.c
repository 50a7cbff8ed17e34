/* Answers ioctl(2) as the kernel does for three disks: preloaded, with the directory that holds files of their names in DISKIOCTL.
   `sda` is of ATA (ACS-3 behind SAT-3), `sdb` of SCSI (SPC-4), `nvme0n1` of NVMe (1.4). What is asked in another form than those
   documents have is refused as such disks refuse it. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <linux/nvme_ioctl.h>
#include <scsi/sg.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static void refuse(struct sg_io_hdr *request, uint8_t key, uint8_t code) {
    uint8_t sense[18] = {0x70, 0, key, 0, 0, 0, 0, 10, 0, 0, 0, 0, code, 0};
    size_t length = request->mx_sb_len < sizeof sense ? request->mx_sb_len : sizeof sense;
    memcpy(request->sbp, sense, length);
    request->status = 2;
    request->sb_len_wr = (unsigned char)length;
    request->driver_status = 8;
    request->resid = (int)request->dxfer_len;
}

static void give(struct sg_io_hdr *request, const void *data, size_t length, size_t allowed) {
    if (length > allowed) length = allowed;
    if (length > request->dxfer_len) length = request->dxfer_len;
    memcpy(request->dxferp, data, length);
    request->resid = (int)(request->dxfer_len - length);
}

/* The registers, in a descriptor: what CK_COND asks for. */
static void registers(struct sg_io_hdr *request, uint8_t count, uint8_t mid, uint8_t high) {
    uint8_t sense[22] = {0x72, 1, 0, 0x1d, 0, 0, 0, 14, 0x09, 12, 0, 0, 0, count, 0, 0, 0, mid, 0, high, 0, 0x50};
    memcpy(request->sbp, sense, sizeof sense);
    request->status = 2;
    request->sb_len_wr = sizeof sense;
    request->driver_status = 8;
}

static void words(uint8_t *sector, int first, int count, const char *text) {
    for (int i = 0; i < count * 2; i++) {
        char letter = i < (int)strlen(text) ? text[i] : ' ';
        sector[first * 2 + (i ^ 1)] = (uint8_t)letter;
    }
}

static void ata(struct sg_io_hdr *request) {
    const uint8_t *block = request->cmdp;
    if (request->cmd_len != 16 || block[0] != 0x85) return refuse(request, 5, 0x20);
    int protocol = block[1] >> 1 & 15, is_smart = block[14] == 0xb0;
    if (is_smart && (block[10] != 0x4f || block[12] != 0xc2)) return refuse(request, 5, 0x24);
    if (block[14] == 0xe5 || (is_smart && block[4] == 0xda)) {
        if (protocol != 3 || !(block[2] & 0x20) || request->dxfer_direction != SG_DXFER_NONE) return refuse(request, 5, 0x24);
        return is_smart ? registers(request, 0, 0x4f, 0xc2) : registers(request, 0xff, 0, 0);
    }
    /* PIO in, one block, its length in the count. */
    if (protocol != 4 || block[2] != 0x0e || block[6] != 1 || request->dxfer_direction != SG_DXFER_FROM_DEV || request->dxfer_len != 512)
        return refuse(request, 5, 0x24);
    uint8_t sector[512] = {0};
    if (block[14] == 0xec) {
        sector[0] = 0x40;
        words(sector, 10, 10, "SERIAL-A");
        words(sector, 23, 4, "FW2.1");
        words(sector, 27, 20, "Emulated ATA Disk");
        sector[82 * 2] = sector[85 * 2] = 1;
        sector[83 * 2 + 1] = sector[87 * 2 + 1] = 0x40;
    } else if (is_smart && block[4] == 0xd0) {
        uint8_t found[3][12] = {{5, 0x33, 0, 98, 97, 12}, {9, 0x32, 0, 90, 90, 0xe8, 3}, {194, 0x22, 0, 60, 45, 41, 0, 18, 0, 55}};
        memcpy(sector + 2, found, sizeof found);
    } else if (is_smart && block[4] == 0xd1) {
        sector[2] = 5;
        sector[3] = 10;
    } else {
        return refuse(request, 5, 0x20);
    }
    /* The bytes of a sector add up to nothing. */
    if (is_smart) for (int i = 0; i < 511; i++) sector[511] -= sector[i];
    give(request, sector, sizeof sector, sizeof sector);
}

static void log_page(struct sg_io_hdr *request, uint8_t page, const uint8_t *body, uint8_t length, size_t allowed) {
    uint8_t answer[128] = {page, 0, 0, length};
    memcpy(answer + 4, body, length);
    give(request, answer, 4u + length, allowed);
}

static void scsi(struct sg_io_hdr *request) {
    const uint8_t *block = request->cmdp;
    if (block[0] == 0x00 && request->cmd_len == 6) return;
    if (block[0] == 0x12 && request->cmd_len == 6) {
        size_t allowed = (size_t)block[3] << 8 | block[4];
        if (block[1] == 0) {
            uint8_t data[36] = {0, 0, 6, 2, 31};
            memcpy(data + 8, "EMULATEDSAS Disk 900    X7Y8", 28);
            return give(request, data, sizeof data, allowed);
        }
        if (block[1] == 1 && block[2] == 0x80) return give(request, "\0\x80\0\x08SERIAL-B", 12, allowed);
        return refuse(request, 5, 0x24);
    }
    if (block[0] == 0x4d && request->cmd_len == 10 && block[2] >> 6 == 1) {
        size_t allowed = (size_t)block[7] << 8 | block[8];
        static const uint8_t temperature[] = {0, 0, 3, 2, 0, 37, 0, 1, 3, 2, 0, 65};
        static const uint8_t exceptions[] = {0, 0, 3, 3, 0x5d, 0x10, 37};
        static const uint8_t reads[] = {0, 3, 2, 2, 1, 4, 0, 5, 2, 4, 0, 1, 0, 0, 0, 6, 2, 1, 9};
        switch (block[2] & 0x3f) {
        case 0x0d: return log_page(request, 0x0d, temperature, sizeof temperature, allowed);
        case 0x2f: return log_page(request, 0x2f, exceptions, sizeof exceptions, allowed);
        case 0x03: return log_page(request, 0x03, reads, sizeof reads, allowed);
        }
    }
    refuse(request, 5, 0x24);
}

static int nvme(struct nvme_admin_cmd *command) {
    uint8_t *out = (uint8_t *)(uintptr_t)command->addr;
    if (command->opcode == 0x06) {
        if (command->data_len != 4096 || (command->cdw10 & 0xff) != 1) return 0x02;
        memset(out, 0, 4096);
        memset(out + 4, ' ', 68);
        memcpy(out + 4, "SERIAL-N", 8);
        memcpy(out + 24, "Emulated NVMe", 13);
        memcpy(out + 64, "N1.5", 4);
        return 0;
    }
    if (command->opcode == 0x02) {
        uint32_t length = ((command->cdw10 >> 16 & 0xfff) + 1) * 4;
        if ((command->cdw10 & 0xff) != 2 || command->nsid != 0xffffffff || length != command->data_len || length != 512) return 0x09;
        memset(out, 0, 512);
        out[0] = 0x01;
        out[1] = 310 & 255, out[2] = 310 >> 8;
        out[3] = 8, out[4] = 10, out[5] = 91;
        out[32] = 100, out[48] = 200;
        out[112] = 30, out[128] = 50, out[144] = 3, out[160] = 4, out[176] = 5, out[192] = 6, out[196] = 7;
        return 0;
    }
    return 0x01;
}

int ioctl(int descriptor, unsigned long request, ...) {
    va_list arguments;
    va_start(arguments, request);
    void *argument = va_arg(arguments, void *);
    va_end(arguments);
    if (request == SG_IO || request == NVME_IOCTL_ADMIN_CMD) {
        const char *directory = getenv("DISKIOCTL");
        char link[64], path[4096] = "";
        snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
        ssize_t length = readlink(link, path, sizeof path - 1);
        char *name = length > 0 ? strrchr(path, '/') : NULL;
        if (directory && name && strncmp(path, directory, strlen(directory)) == 0) {
            name++;
            if (request == NVME_IOCTL_ADMIN_CMD && strncmp(name, "nvme", 4) == 0) return nvme(argument);
            struct sg_io_hdr *header = argument;
            if (request == SG_IO && name[0] == 's') {
                if (header->interface_id != 'S' || header->timeout == 0) return errno = EINVAL, -1;
                strcmp(name, "sda") == 0 ? ata(header) : scsi(header);
                return 0;
            }
            return errno = ENOTTY, -1;
        }
    }
    int (*next)(int, unsigned long, ...) = (int (*)(int, unsigned long, ...))dlsym(RTLD_NEXT, "ioctl");
    return next(descriptor, request, argument);
}
