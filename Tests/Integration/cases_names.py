"""What the public dashboard 1860 and node-mixin ask for, on a host with systemd."""

import json
import os
import sys

from bootedhost import BootedHost
from context import ALONE, case

DASHBOARDS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "dashboards")
sys.path.insert(0, DASHBOARDS)
import check  # noqa: E402

# Names, or their beginnings, that a host may lack: what finds the subject on a host that has it (for the shell; `{rest}` is the rest
# of the name), and what is to be said where it finds nothing.
LACKING = {
    "node_bonding_": ("ls /sys/class/net/bonding_masters && grep -q . /sys/class/net/bonding_masters", "no bonded interface"),
    "node_cooling_device_": ("ls /sys/class/thermal/cooling_device*", "no cooling device"),
    "node_cpu_core_throttles_total": ("ls /sys/devices/system/cpu/cpu*/thermal_throttle", "the CPUs do not count it"),
    "node_cpu_package_throttles_total": ("ls /sys/devices/system/cpu/cpu*/thermal_throttle", "the CPUs do not count it"),
    "node_cpu_scaling_frequency_": ("ls -d /sys/devices/system/cpu/cpu*/cpufreq", "no frequency scaling"),
    "node_hwmon_": ("ls -d /sys/class/hwmon/*", "no sensors"),
    "node_thermal_zone_": ("ls -d /sys/class/thermal/thermal_zone*", "no thermal zone"),
    "node_power_supply_": ("ls -d /sys/class/power_supply/*", "no power supply"),
    "node_md_": ("ls /proc/mdstat", "no software RAID"),
    # `Active_anon` is Active(anon) there.
    "node_memory_": ("grep -E \"^$(echo {rest} | sed 's/_bytes$//; s/_/./g')\\W\" /proc/meminfo", "the kernel has no such line"),
    "node_network_speed_bytes": ("cat /sys/class/net/*/speed | grep -v '^-'", "no interface says its speed"),
    "node_nf_conntrack_": ("ls /proc/sys/net/netfilter/nf_conntrack_count", "no connection tracking"),
    "node_pressure_irq_": ("ls /proc/pressure/irq", "the kernel does not account interrupts"),
    "node_pressure_": ("cat /proc/pressure/cpu", "the kernel does not measure pressure"),
    "node_schedstat_": ("ls /proc/schedstat", "the kernel keeps no scheduler statistics"),
    "node_disk_": ("grep -v -E ' (z?ram|loop|fd)[0-9]+ ' /proc/diskstats", "no disk"),
    # Nowhere.
    "node_exporter_build_info": ("false", "says that node_exporter runs, which it does not; only dashboards over several clusters ask"),
    "node_kernel_hung_tasks": ("false", "a slip of the dashboard: every exporter has node_kernel_hung_tasks_total"),
}
# Without these the alerts and rows on systemd are empty; no reason holds for them.
NEEDED = {"node_systemd_unit_state", "node_systemd_units", "node_systemd_service_restart_total",
          "node_systemd_socket_accepted_connections_total", "node_systemd_socket_current_connections",
          "node_systemd_socket_refused_connections_total", "node_uname_info", "node_cpu_seconds_total", "node_load1"}


def reason(name):
    """The longest beginning that the table has."""
    return max((key for key in LACKING if name.startswith(key)), key=len, default=None)


@case("dashboards-host", needs=ALONE)
def dashboards_host(c):
    """Every family that dashboard 1860 and node-mixin's alerts, rules and dashboards use is on the page of a host with
    systemd, but for what this host demonstrably lacks."""
    with open(os.path.join(DASHBOARDS, "names.txt"), encoding="utf-8") as file:
        used = {line.strip() for line in file if line.strip() and not line.startswith("#")}
    c.require(len(used) > 230 and NEEDED <= used, "the list of names is not the one meant")
    host = BootedHost(c, configuration=json.dumps({
        "server": {"listen": "127.0.0.1:9464"}, "logs": {"scrape_configs": []}, "metrics": {"collectors": {
            # What they ask for beyond node_exporter's defaults.
            "systemd": {"enabled": True, "enable_restarts_metrics": True}, "tcpstat": {"enabled": True},
            "processes": {"enabled": True}, "interrupts": {"enabled": True}, "netstat": {"fields": ".*"}}}}))
    host.settle()
    # Someone to talk to, for the ARP table.
    host.run("sh", "-c", "ip link add one type veth peer name two && ip addr add 192.0.2.1/24 dev one && ip link set one up && "
                         "ip link set two up && ip neigh add 192.0.2.2 lladdr 02:00:00:00:00:01 dev one nud permanent")
    host.agent()
    page = host.get(9464)
    served = check.exported(page)
    told, wrong = {}, []
    for name in sorted(used - served):
        key = reason(name)
        if key is None or name in NEEDED:
            wrong.append("%s is not there, and nothing says why" % name)
        elif host.run("sh", "-c", "(%s) > /dev/null 2>&1 && echo here" % LACKING[key][0].replace("{rest}", name[len(key):]), check=False).strip():
            wrong.append("%s is not there, but it is not so that %s" % (name, LACKING[key][1]))
        else:
            told.setdefault(LACKING[key][1], []).append(name)
    c.require(not wrong, "; ".join(wrong))
    return "names=%d served=%d; %s" % (len(used), len(used & served), "; ".join(
        "%s: %s" % (why, " ".join(names)) for why, names in sorted(told.items())))
