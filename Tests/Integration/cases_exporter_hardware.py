"""What the host's collectors cost in memory, and what they ask the kernel by ioctl and netlink, against the tools of others."""

import http.client
import os
import re
import shutil
import subprocess

from agent import keep_page
from cases_exporter import collect, documented, read
from context import ALONE, Skip, case

# Switched on besides the defaults; those that need options or hardware are left as they are.
OPTIONAL = ("buddyinfo", "cgroups", "ethtool", "interrupts", "processes", "softirqs", "swap", "tcpstat")


@case("exporter-memory", needs=ALONE)
def memory(c):
    """All collectors of the host add at most 4 MiB to what is resident after 200 scrapes."""
    measured = {}
    for name, section in (("without", {"disable_default_collectors": True}),
                          ("with", {"collectors": {name: {"enabled": True} for name in OPTIONAL}})):
        agent = c.agent([], [], name=name, metrics=section)
        agent.start()
        for _ in range(200):
            status, body = agent.get("/metrics")[:2]
            c.require(status == 200, "/metrics answers %d" % status)
        measured[name] = agent.memory()
        lines = body.decode() if isinstance(body, bytes) else body
        measured[name]["samples"] = sum(1 for line in lines.splitlines() if line and line[0] != "#")
        agent.terminate()
    without, all_of_them = measured["without"], measured["with"]
    added = {key: (all_of_them[key] - without[key]) / 1024 for key in ("rss", "anon")}
    text = "%d samples more: %.1f MiB resident more (%.1f to %.1f), %.1f of it anonymous" % (
        all_of_them["samples"] - without["samples"], added["rss"], without["rss"] / 1024, all_of_them["rss"] / 1024, added["anon"])
    c.require(all_of_them["samples"] > without["samples"] + 200, "the collectors did not run: %s" % text)
    c.require(added["rss"] <= 4, "more than 4 MiB: %s" % text)
    return text


def preloaded(c, name):
    """A shared library made of a file beside this one."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if not compiler:
        raise Skip("no C compiler")
    library = c.path(name + ".so")
    source = os.path.join(os.path.dirname(os.path.abspath(__file__)), name + ".c")
    subprocess.run([compiler, "-O2", "-Wall", "-Werror", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True, timeout=60)
    return library


# Collectors with one sample a row of a file, an address, a processor or a device: what a sample would allocate is seen in them. (Their
# number of samples on a host of two processors and two addresses; that of the first is what a page costs by itself.)
COUNTED = ["loadavg", "netstat", "meminfo", "cpu", "netclass", "netdev", "sockstat", "vmstat", "stat", "softnet"]


@case("exporter-allocations", needs=ALONE)
def allocations(c):
    """A page allocates for the request and for each collector; nothing for each sample, once it has been asked for a few times."""
    library = preloaded(c, "countmalloc")
    counted = c.path("count")
    with open(counted, "wb") as file:
        file.write(bytes(8))
    agent = c.agent([], [], metrics={"disable_default_collectors": True, "collectors": {name: {"enabled": True} for name in COUNTED},
                                     "scrape_configs": []}, rules={"default_pack": False})
    agent.start(environment={"LD_PRELOAD": library, "COUNTMALLOC": counted})
    connection = http.client.HTTPConnection("127.0.0.1", agent.port, timeout=10)

    def page(collector):
        connection.request("GET", "/metrics?collect[]=" + collector)
        answer = connection.getresponse()
        body = answer.read()
        c.require(answer.status == 200, "%s: %d" % (collector, answer.status))
        # What tells of the collection itself stands on every page.
        return sum(1 for line in body.splitlines() if line and line[:1] != b"#" and not line.startswith(b"node_scrape_"))

    def allocated():
        with open(counted, "rb") as file:
            return int.from_bytes(file.read(8), "little")

    cost = {}
    for collector in COUNTED:
        for _ in range(20):
            samples = page(collector)
        # The agent's timers allocate too: the cheapest of some runs is the page's own.
        runs = []
        for _ in range(5):
            start = allocated()
            for _ in range(20):
                page(collector)
            runs.append((allocated() - start) / 20)
        cost[collector] = (samples, min(runs))
    agent.terminate()
    c.require(cost["loadavg"][1] > 10, "the count does not count: %s" % cost)
    samples, base = cost["loadavg"]
    told = ", ".join("%s %d: %.0f" % (name, *values) for name, values in cost.items())
    c.require(sum(number for number, _ in cost.values()) > 200, "too few samples to tell: %s" % told)
    for name, (number, allocations_of_it) in cost.items():
        # A collector may open files and keep a buffer for each, so a few are its own; a tenth of one for each sample is not.
        allowed = base + 8 + 0.1 * (number - samples)
        c.require(allocations_of_it <= allowed, "%s allocates %.0f a page (%.0f allowed): %s" % (name, allocations_of_it, allowed, told))
    return told


@case("exporter-smart")
def smart(c):
    """Disks of ATA, SCSI and NVMe that answer the kernel's ioctls as their standards have it tell their health; one that refuses
    everything costs only itself. (No such disk is needed: a library answers in the kernel's place and checks what it is asked.)"""
    library, tree = preloaded(c, "diskioctl"), c.folder("tree")
    for name, vendor in (("sda", "ATA     "), ("sdb", "EMULATED"), ("nvme0n1", None), ("sdc", "OTHER   ")):
        os.makedirs(os.path.join(tree, "sys/block", name, "device/power"))
        if vendor:
            with open(os.path.join(tree, "sys/block", name, "device/vendor"), "w") as file:
                file.write(vendor + "\n")
    dev = os.path.join(tree, "dev")
    os.makedirs(dev)
    for name in ("sda", "sdb", "nvme0n1"):
        open(os.path.join(dev, name), "w").close()
    done = subprocess.run(
        [c.binary, "metrics", "--collector.disable-defaults", "--collector.smart", "--path.sysfs=" + os.path.join(tree, "sys"),
         "--path.rootfs=" + tree], env={**os.environ, "LD_PRELOAD": library, "DISKIOCTL": dev}, cwd=c.directory, capture_output=True,
        timeout=60, check=False)
    c.require(done.returncode == 0, "tocsin metrics ends with %d: %s" % (done.returncode, done.stderr.decode()[:500]))
    text = done.stdout.decode()
    keep_page(text)
    documented(c, text)
    _, samples = read(text)
    ata, scsi, nvme = ("device", "sda"), ("device", "sdb"), ("device", "nvme0n1")
    spare = ("id", "5"), ("name", "reallocated_sectors")
    wanted = {
        ("info", ata, ("firmware", "FW2.1"), ("model", "Emulated ATA Disk"), ("serial", "SERIAL-A"), ("standard", "ata")): 1,
        ("info", scsi, ("firmware", "X7Y8"), ("model", "EMULATED SAS Disk 900"), ("serial", "SERIAL-B"), ("standard", "scsi")): 1,
        ("info", nvme, ("firmware", "N1.5"), ("model", "Emulated NVMe"), ("serial", "SERIAL-N"), ("standard", "nvme")): 1,
        ("healthy", ata): 1, ("healthy", scsi): 0, ("healthy", nvme): 0,
        ("attribute_value", ata, *spare): 98, ("attribute_worst", ata, *spare): 97, ("attribute_threshold", ata, *spare): 10,
        ("attribute_raw", ata, *spare): 12, ("power_on_seconds", ata): 1000 * 3600, ("power_on_seconds", nvme): 50 * 3600,
        ("temperature_celsius", ata): 41, ("temperature_celsius", scsi): 37, ("temperature_celsius", nvme): 37,
        ("corrected_errors_total", scsi, ("operation", "read")): 260, ("uncorrected_errors_total", scsi, ("operation", "read")): 9,
        ("processed_bytes_total", scsi, ("operation", "read")): 65536,
        ("critical_warning", nvme, ("warning", "spare")): 1, ("critical_warning", nvme, ("warning", "temperature")): 0,
        ("available_spare_ratio", nvme): 0.08, ("available_spare_threshold_ratio", nvme): 0.1, ("used_ratio", nvme): 0.91,
        ("read_bytes_total", nvme): 100 * 512000, ("written_bytes_total", nvme): 200 * 512000, ("power_cycles_total", nvme): 30,
        ("unsafe_shutdowns_total", nvme): 3, ("media_errors_total", nvme): 4, ("error_log_entries_total", nvme): 5,
        ("hot_seconds_total", nvme, ("level", "warning")): 360, ("hot_seconds_total", nvme, ("level", "critical")): 420,
        ("readable", ata): 1, ("readable", scsi): 1, ("readable", nvme): 1, ("readable", ("device", "sdc")): 0,
    }
    wrong = []
    for (name, *labels), value in wanted.items():
        got = samples.get(("tocsin_smart_" + name, frozenset(labels)))
        if got is None or abs(got - value) > 1e-9:
            wrong.append("%s%s is %s, not %s" % (name, labels, got, value))
    c.require(not wrong, "; ".join(wrong) + "\n" + text)
    return "values=%d" % len(wanted)


@case("exporter-btrfs", needs="mounts")
def btrfs(c):
    """Devices of a btrfs, their sizes and errors, are those that btrfs's own tool tells, damage included."""
    if os.geteuid() != 0 or not shutil.which("mkfs.btrfs") or not shutil.which("losetup"):
        raise Skip("wants root, btrfs-progs and losetup")
    if "btrfs" not in open("/proc/filesystems").read():
        raise Skip("the kernel has no btrfs")
    loops, mountpoint = [], c.folder("mount")

    def run(*words):
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Skip("%s: %s" % (" ".join(words), done.stderr.strip()[:200]))
        return done.stdout

    def end():
        subprocess.run(["umount", mountpoint], stderr=subprocess.DEVNULL, check=False)
        for loop in loops:
            subprocess.run(["losetup", "-d", loop], check=False)

    c.closing.append(end)
    for index in range(2):
        image = c.path("disk%d" % index)
        with open(image, "wb") as file:
            file.truncate((200 + 64 * index) << 20)
        loops.append(run("losetup", "-f", "--show", image).strip())
    run("mkfs.btrfs", "-q", "-f", "-L", "tocsin test", "-m", "raid1", "-d", "raid1", *loops)
    run("mount", loops[0], mountpoint)
    with open(os.path.join(mountpoint, "file"), "wb") as file:
        file.write(b"tocsin!!" * (1 << 20))
    run("sync")
    run("umount", mountpoint)
    # One copy is damaged: what reads it finds the checksum wrong and counts.
    image = c.path("disk0")
    with open(image, "r+b") as file:
        data, at = file.read(), 0
        places = []
        while (at := data.find(b"tocsin!!" * 512, at)) >= 0:
            places.append(at)
            at += 4096
        for place in places[:40]:
            file.seek(place)
            file.write(b"damaged!" * 16)
    c.require(places, "the file is not in the image")
    run("sync")
    run("mount", loops[0], mountpoint)
    for number in range(12):
        with open("/proc/sys/vm/drop_caches", "w") as file:
            file.write("3")
        # Which copy is read hangs on the reader's process number: each other time a number more is used up.
        command = ["cat", os.path.join(mountpoint, "file")] if number % 2 else ["sh", "-c", 'true & wait; cat "$0"; true', os.path.join(mountpoint, "file")]
        read_back = subprocess.run(command, stdout=subprocess.PIPE).stdout
        c.require(read_back == b"tocsin!!" * (1 << 20), "the other copy does not serve")
    samples = read(collect(c, "--collector.disable-defaults", "--collector.btrfs"))[1]
    stats = run("btrfs", "device", "stats", mountpoint)
    shown = run("btrfs", "filesystem", "show", "--raw", mountpoint)
    identity = re.search(r"uuid: (\S+)", shown).group(1)
    expected, wrong = {}, []
    for device, name, count in re.findall(r"\[/dev/(\w+)\]\.(\w+)_err[s]?\s+(\d+)", stats):
        expected["node_btrfs_device_errors_total", device, name.replace("_io", "")] = float(count)
    for size, used, device in re.findall(r"devid +\d+ size (\d+) used (\d+) path /dev/(\w+)", shown):
        expected["node_btrfs_device_size_bytes", device, None] = float(size)
        expected["node_btrfs_device_unused_bytes", device, None] = float(int(size) - int(used))
    found = {}
    for (name, labels), value in samples.items():
        labels = dict(labels)
        if name.startswith("node_btrfs_device_") and labels.get("uuid") == identity:
            c.require(re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", labels["btrfs_dev_uuid"]), "no id: %s" % labels)
            found[name, labels["device"], labels.get("type")] = value
    for key in sorted(set(expected) | set(found), key=str):
        if expected.get(key) != found.get(key):
            wrong.append("%s: %s, the tool says %s" % (key, found.get(key), expected.get(key)))
    c.require(len(expected) == 14, "the tool's words are not understood: %s" % stats)
    c.require(not wrong, "; ".join(wrong))
    damage = sum(value for key, value in found.items() if key[2] == "corruption")
    c.require(damage > 0, "the damage was not counted")
    return "%d numbers as btrfs tells them, %d errors of corruption among them" % (len(found), damage)


@case("exporter-devices", needs="mounts")
def devices(c):
    """With many network devices all are on the page, the same by netlink as by sysfs; those with random names are left out."""
    if os.geteuid() != 0 or not shutil.which("ip") or not shutil.which("unshare"):
        raise Skip("a network of one's own wants root, iproute2 and unshare")
    pairs = 150
    lines = "".join("link add veth%d type veth peer name peer%d\n" % (n, n) for n in range(pairs))
    lines += "".join("link add veth%07x type veth peer name other%d\n" % (n, n) for n in range(20))
    with open(c.path("links"), "w") as file:
        file.write(lines)
    command = ("mount --make-rprivate / && mount -t sysfs sysfs /sys && ip -batch links && "
               '"$0" metrics --collector.disable-defaults --collector.netdev --collector.netclass >netlink && '
               '"$0" metrics --collector.disable-defaults --collector.netdev --collector.netclass --no-collector.netclass.netlink '
               "--no-collector.netdev.netlink >files")
    done = subprocess.run(["unshare", "--net", "--mount", "sh", "-c", command, os.path.abspath(c.binary)],
                          cwd=c.directory, capture_output=True, text=True, timeout=240, check=False)
    if done.returncode != 0 and "ermitted" in done.stderr:
        raise Skip(done.stderr.strip()[:200])
    c.require(done.returncode == 0, "ended with %d: %s" % (done.returncode, done.stderr[-500:]))
    pages = []
    for name in ("netlink", "files"):
        samples = read(open(c.path(name), encoding="utf-8").read())[1]
        # Of counters only that they are there; /proc/net/dev lacks the last of them.
        pages.append({key: None if key[0].endswith("_total") else value for key, value in samples.items()
                      if not key[0].startswith("node_scrape") and "nohandler" not in key[0]})
    differing = sorted(str(key) for key in set(pages[0]) | set(pages[1]) if pages[0].get(key, "-") != pages[1].get(key, "-"))
    c.require(not differing, "%d samples differ: %s" % (len(differing), "; ".join(differing[:5])))
    for family in ("node_network_info", "node_network_receive_bytes_total"):
        names = {dict(labels)["device"] for name, labels in pages[0] if name == family}
        c.require(all("%s%d" % (kind, n) in names for kind in ("veth", "peer") for n in range(pairs)), "%s: not all devices" % family)
        c.require(not any(re.fullmatch("veth[0-9a-f]{7}", name) for name in names), "%s: random names" % family)
        c.require("other3" in names, "%s: a peer with a name is left out" % family)
    return "%d samples of %d devices, the same both ways" % (len(pages[0]), len(names))
