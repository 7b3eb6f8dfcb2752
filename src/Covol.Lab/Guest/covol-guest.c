/*
 * The workload of Covol's test guest, and its process 1 after the init script has loaded the drivers.
 *
 * Every `per` milliseconds it writes one block of 4 KiB with O_DIRECT|O_SYNC to /dev/vda, at block `seq % blocks`, and reads
 * each 16th back. A block says which write it is and carries a sum over itself, so that a reader of the disk can tell from the
 * outside whether a write that was acknowledged here got lost (see GuestDiskVerifier.cs; both must agree on the layout).
 *
 *   offset  size
 *        0     8  magic "COVOLGST"
 *        8     8  seq, little endian, from 1 on
 *       16     8  guest CLOCK_MONOTONIC in nanoseconds
 *       24  4064  filler: 64-bit words that depend on seq and position
 *     4088     8  FNV-1a (64 bit) over the 4088 bytes before
 *
 * Lines on the console (see GuestTicks.cs):
 *   READY seq=<next> blocks=<n> per=<ms> bad=<blocks with our magic and a wrong sum, found at the start>
 *   T <seq> <gap ms> <io ms> <largest gap ms> <errors>
 *   E <seq> <errno> <text>        a write or a read back that failed
 *   BYE <last seq>                the power button was pressed; nothing is written after it
 *
 * The guest's clock stands still while the guest is stopped (QEMU's emulated TSC), so a blackout shows only outside.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/input.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/reboot.h>
#include <time.h>
#include <unistd.h>
#include <linux/fs.h>

enum { BLOCK = 4096, SUMMED = BLOCK - 8, SCAN_BLOCKS = 256, READ_BACK_EVERY = 16, BUTTONS_MAX = 8 };
static const char MAGIC[8] = "COVOLGST";

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t fnv1a(const unsigned char *bytes, size_t count)
{
    uint64_t sum = 0xcbf29ce484222325u;
    for (size_t i = 0; i < count; i++)
        sum = (sum ^ bytes[i]) * 0x100000001b3u;
    return sum;
}

static void put64(unsigned char *at, uint64_t value) { memcpy(at, &value, 8); }
static uint64_t get64(const unsigned char *at) { uint64_t value; memcpy(&value, at, 8); return value; }

static void fill(unsigned char *block, uint64_t seq)
{
    memcpy(block, MAGIC, 8);
    put64(block + 8, seq);
    put64(block + 16, now_ns());
    for (size_t at = 24; at < SUMMED; at += 8)
        put64(block + at, (seq + at) * 0x9e3779b97f4a7c15u);
    put64(block + SUMMED, fnv1a(block, SUMMED));
}

static int is_ours(const unsigned char *block) { return memcmp(block, MAGIC, 8) == 0; }
static int is_good(const unsigned char *block) { return get64(block + SUMMED) == fnv1a(block, SUMMED); }

/* The value of `name=` on the kernel's command line, or `otherwise`. */
static uint64_t setting(const char *line, const char *name, uint64_t otherwise)
{
    size_t length = strlen(name);
    for (const char *at = line; (at = strstr(at, name)) != NULL; at += length)
        if ((at == line || at[-1] == ' ') && at[length] == '=')
            return strtoull(at + length + 1, NULL, 10);
    return otherwise;
}

static void power_off(void)
{
    fflush(stdout);
    fsync(STDOUT_FILENO);
    sync();
    reboot(RB_POWER_OFF);
    for (;;)
        pause();
}

static void fail(const char *what)
{
    printf("FATAL %s: %s\n", what, strerror(errno));
    power_off();
}

static int open_buttons(struct pollfd *buttons)
{
    int count = 0;
    for (int i = 0; i < BUTTONS_MAX; i++) {
        char path[32];
        snprintf(path, sizeof path, "/dev/input/event%d", i);
        int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
        if (fd >= 0)
            buttons[count++] = (struct pollfd){ .fd = fd, .events = POLLIN };
    }
    return count;
}

static int is_pressed(struct pollfd *buttons, int count)
{
    struct input_event event;
    for (int i = 0; i < count; i++)
        while (read(buttons[i].fd, &event, sizeof event) == sizeof event)
            if (event.type == EV_KEY && event.code == KEY_POWER && event.value == 1)
                return 1;
    return 0;
}

/* Sleeps until `deadline`; answers 1 as soon as the power button is pressed. */
static int sleep_until(uint64_t deadline, struct pollfd *buttons, int count)
{
    for (;;) {
        uint64_t now = now_ns();
        struct timespec left = { 0, 0 };
        if (now < deadline) {
            left.tv_sec = (time_t)((deadline - now) / 1000000000u);
            left.tv_nsec = (long)((deadline - now) % 1000000000u);
        }
        if (ppoll(buttons, (nfds_t)count, &left, NULL) > 0 && is_pressed(buttons, count))
            return 1;
        if (now_ns() >= deadline)
            return 0;
    }
}

/* The highest write that an earlier life of this guest left on the disk; `*bad` counts blocks of ours with a wrong sum. */
static uint64_t scan(int disk, uint64_t blocks, unsigned char *buffer, uint64_t *bad)
{
    uint64_t highest = 0;
    for (uint64_t first = 0; first < blocks; first += SCAN_BLOCKS) {
        uint64_t count = blocks - first < SCAN_BLOCKS ? blocks - first : SCAN_BLOCKS;
        if (pread(disk, buffer, count * BLOCK, (off_t)(first * BLOCK)) != (ssize_t)(count * BLOCK))
            fail("reading the disk at the start");
        for (uint64_t i = 0; i < count; i++) {
            const unsigned char *block = buffer + i * BLOCK;
            if (!is_ours(block))
                continue;
            if (!is_good(block))
                ++*bad;
            else if (get64(block + 8) > highest)
                highest = get64(block + 8);
        }
    }
    return highest;
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 1024);

    char line[2048] = "";
    int commands = open("/proc/cmdline", O_RDONLY | O_CLOEXEC);
    if (commands < 0 || read(commands, line, sizeof line - 1) < 0)
        fail("/proc/cmdline");
    close(commands);
    uint64_t per_ns = setting(line, "per", 10) * 1000000u;
    uint64_t blocks = setting(line, "blocks", 4096);
    uint64_t print_every = setting(line, "every", 1);
    if (per_ns == 0 || blocks == 0 || print_every == 0) {
        errno = EINVAL;
        fail("per, blocks and every must not be 0");
    }

    int disk = open("/dev/vda", O_RDWR | O_DIRECT | O_SYNC | O_CLOEXEC);
    uint64_t size = 0;
    if (disk < 0 || ioctl(disk, BLKGETSIZE64, &size) != 0)
        fail("/dev/vda");
    if (size < blocks * BLOCK) {
        errno = ENOSPC;
        fail("the disk is smaller than blocks=");
    }

    unsigned char *buffer, *back;
    if (posix_memalign((void **)&buffer, BLOCK, SCAN_BLOCKS * BLOCK) != 0 || posix_memalign((void **)&back, BLOCK, BLOCK) != 0)
        fail("memory");
    uint64_t bad = 0, seq = scan(disk, blocks, buffer, &bad) + 1;

    struct pollfd buttons[BUTTONS_MAX];
    int button_count = open_buttons(buttons);
    printf("READY seq=%llu blocks=%llu per=%llu bad=%llu\n", (unsigned long long)seq, (unsigned long long)blocks,
           (unsigned long long)(per_ns / 1000000u), (unsigned long long)bad);

    uint64_t last = now_ns(), due = last + per_ns, gap_max = 0, errors = 0;
    while (!sleep_until(due, buttons, button_count)) {
        uint64_t start = now_ns();
        off_t at = (off_t)(seq % blocks * BLOCK);
        fill(buffer, seq);

        /* A write that failed is written again: the disk must not miss a number that later writes pass. */
        errno = 0;
        while (pwrite(disk, buffer, BLOCK, at) != BLOCK) {
            printf("E %llu %d write\n", (unsigned long long)seq, errno);
            errors++;
            if (sleep_until(now_ns() + per_ns, buttons, button_count))
                goto pressed;
        }
        if (seq % READ_BACK_EVERY == 0 && (pread(disk, back, BLOCK, at) != BLOCK || memcmp(buffer, back, BLOCK) != 0)) {
            printf("E %llu %d read back\n", (unsigned long long)seq, errno);
            errors++;
        }

        uint64_t end = now_ns(), gap = end - last;
        if (gap > gap_max)
            gap_max = gap;
        if (seq % print_every == 0)
            printf("T %llu %llu %llu %llu %llu\n", (unsigned long long)seq, (unsigned long long)(gap / 1000000u),
                   (unsigned long long)((end - start) / 1000000u), (unsigned long long)(gap_max / 1000000u),
                   (unsigned long long)errors);
        last = end;
        seq++;
        due += per_ns;
        if (due < end)
            due = end;
    }
pressed:
    printf("BYE %llu\n", (unsigned long long)(seq - 1));
    power_off();
}
