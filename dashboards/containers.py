"""The dashboard of containers, by name and compose project, and of systemd's units."""

from panels import dashboard, graph, row, select, stat, total, variable

PROJECT = "container_label_com_docker_compose_project"
CHOSEN = ('name=~"$name"', PROJECT + '=~"$project"')


def of(name, *more):
    return select(name, *CHOSEN, *more)


def rate(name, *more):
    return "rate(" + of(name, *more) + "[$__rate_interval])"


def by_name(expression, *more):
    return total(expression, "instance", "name", *more)


def unit_rate(name):
    return "topk(15, rate(" + select(name) + "[$__rate_interval]))"


NAME = "{{name}}"


def overview():
    return row(
        "At a glance",
        stat("Running", "Containers that run.", ("count(" + of("container_last_seen") + ")", "")),
        stat("Not running", "Containers that docker keeps and that do not run.",
             ("count(" + of("tocsin_container_running") + " == 0) or vector(0)", "")),
        stat("Unhealthy", "Containers whose health check fails.",
             ("sum(" + of("tocsin_container_health", 'state="unhealthy"') + ") or vector(0)", ""), bad_above=1),
        stat("Restarts", "How often containers were started anew by themselves, in the chosen time.",
             ("sum(increase(" + of("tocsin_container_restarts_total") + "[$__range])) or vector(0)", ""), bad_above=1),
        stat("Killed for want of memory", "Processes of containers, in the chosen time.",
             ("sum(increase(" + of("container_oom_events_total") + "[$__range])) or vector(0)", ""), bad_above=1),
        stat("Cores in use", "Of all chosen containers.",
             ("sum(" + rate("container_cpu_usage_seconds_total") + ")", "")),
    )


def processors():
    quota = of("container_spec_cpu_quota") + " / " + of("container_spec_cpu_period")
    return row(
        "Processors",
        graph("Cores in use", "Cores that each container uses.",
              (by_name(rate("container_cpu_usage_seconds_total")), NAME), stacked=True),
        graph("Against the quota", "Share of the allowed cores in use, where there is a quota.",
              (by_name(rate("container_cpu_usage_seconds_total")) + " / sum by (instance, name) (" + quota + ")", NAME),
              unit="percentunit"),
        graph("Throttled", "Share of periods in which a container had used up its quota.",
              (by_name(rate("container_cpu_cfs_throttled_periods_total")) + " / "
               + by_name(rate("container_cpu_cfs_periods_total") + " > 0"), NAME), unit="percentunit"),
        graph("User and system", "Cores used by programs and by the kernel for them.",
              (by_name(rate("container_cpu_user_seconds_total")), NAME + " user"),
              (by_name(rate("container_cpu_system_seconds_total")), NAME + " system"), width=12),
        graph("Time throttled", "Seconds per second that tasks had to wait for the next period.",
              (by_name(rate("container_cpu_cfs_throttled_seconds_total")), NAME), width=12),
    )


def memory():
    limit = of("container_spec_memory_limit_bytes") + " > 0"
    return row(
        "Memory",
        graph("Working set", "Memory in use less file pages that have not been used lately.",
              (by_name(of("container_memory_working_set_bytes")), NAME), unit="bytes", stacked=True),
        graph("Against the limit", "The working set's share of the limit, where there is one.",
              (by_name(of("container_memory_working_set_bytes")) + " / sum by (instance, name) (" + limit + ")", NAME),
              unit="percentunit"),
        graph("Anonymous and cached", "Memory of the programs themselves, and file pages.",
              (by_name(of("container_memory_rss")), NAME + " anonymous"),
              (by_name(of("container_memory_cache")), NAME + " cached"), unit="bytes"),
        graph("Swap", "What of a container is in swap.", (by_name(of("container_memory_swap")), NAME), unit="bytes"),
        graph("Major faults", "Page faults that had to read a disk.",
              (by_name(rate("container_memory_failures_total", 'failure_type="pgmajfault"', 'scope="container"')), NAME),
              unit="cps"),
        graph("Limit reached and kills", "How often memory reached the limit, and processes killed for it.",
              (by_name(rate("container_memory_failcnt")), NAME + " at the limit"),
              (by_name(rate("container_oom_events_total")), NAME + " kills"), unit="cps"),
    )


def traffic():
    def net(name):
        return by_name(rate("container_network_%s_total" % name))

    def disk(name):
        return by_name(rate("container_fs_%s_total" % name))

    return row(
        "Network and disks",
        graph("Network", "Bits per second received and sent; a container in another's or the host's network has none.",
              ("8 * " + net("receive_bytes"), NAME + " received"),
              ("8 * " + net("transmit_bytes"), NAME + " sent"), unit="bps"),
        graph("Packets", "Packets per second received and sent.",
              (net("receive_packets"), NAME + " received"), (net("transmit_packets"), NAME + " sent"), unit="pps"),
        graph("Errors and drops", "Packets that were damaged or dropped.",
              (net("receive_errors"), NAME + " errors received"), (net("transmit_errors"), NAME + " errors sent"),
              (net("receive_packets_dropped"), NAME + " dropped received"),
              (net("transmit_packets_dropped"), NAME + " dropped sent"), unit="pps"),
        graph("Disk throughput", "Bytes per second read from and written to devices, not the page cache.",
              (disk("reads_bytes"), NAME + " read"), (disk("writes_bytes"), NAME + " written"), unit="Bps", width=12),
        graph("Disk operations", "Reads and writes per second.",
              (disk("reads"), NAME + " reads"), (disk("writes"), NAME + " writes"), unit="iops", width=12),
    )


def pressure():
    def of_resource(title, resource):
        return graph(title + " pressure", "Share of time in which some or all tasks waited; on cgroup v2.",
                     *((by_name(rate("container_pressure_%s_%s_seconds_total" % (resource, kind))), NAME + " " + text)
                       for kind, text in (("waiting", "some"), ("stalled", "all"))), unit="percentunit")

    return row("Pressure", of_resource("Processor", "cpu"), of_resource("Memory", "memory"), of_resource("Disk", "io"))


def life():
    return row(
        "Tasks, restarts, health",
        graph("Tasks", "Processes and threads.", (by_name(of("container_processes")), NAME + " processes"),
              (by_name(of("container_threads")), NAME + " threads")),
        graph("Tasks against the limit", "Share of the tasks that a container may have, where there is a limit.",
              (by_name(of("container_threads")) + " / " + by_name(of("container_threads_max") + " > 0"), NAME),
              unit="percentunit"),
        graph("Running since", "Time since the start; it falls at every restart.",
              ("time() - max by (instance, name) (" + of("container_start_time_seconds") + ")", NAME), unit="s"),
        graph("Running", "1 while a container runs.", (by_name(of("tocsin_container_running")), NAME)),
        graph("Restarts", "How often a container was started anew by itself.",
              (by_name(of("tocsin_container_restarts_total")), NAME)),
        graph("Health", "1 for the state in which a container's health check is.",
              (of("tocsin_container_health") + " == 1", NAME + " {{state}}")),
        graph("Last exit codes", "Of the last run that ended.", (by_name(of("tocsin_container_exit_code")), NAME), width=12),
        graph("Ended for want of memory", "1 where the last run was.",
              (by_name(of("tocsin_container_oom_killed")), NAME), width=12),
    )


def units():
    unit = "{{instance}} {{unit}}"
    return row(
        "systemd's units",
        graph("Cores in use", "The units that use most.", (unit_rate("tocsin_unit_cpu_seconds_total"), unit)),
        graph("Working set", "The units with the most memory in use, less file pages not used lately.",
              ("topk(15, " + select("tocsin_unit_memory_working_set_bytes") + ")", unit), unit="bytes"),
        graph("Memory", "The units with most memory, file pages included.",
              ("topk(15, " + select("tocsin_unit_memory_bytes") + ")", unit), unit="bytes"),
        graph("Disks", "The units that read and write most.",
              (unit_rate("tocsin_unit_io_read_bytes_total"), unit + " read"),
              (unit_rate("tocsin_unit_io_written_bytes_total"), unit + " written"), unit="Bps"),
        graph("Tasks", "The units with most tasks.", ("topk(15, " + select("tocsin_unit_tasks") + ")", unit)),
        graph("Killed for want of memory", "Processes of units.",
              ("increase(" + select("tocsin_unit_oom_kills_total") + "[$__rate_interval]) > 0", unit)),
    )


def build():
    bound = '{job=~"$job", instance=~"$instance"'
    return dashboard(
        "tocsin-containers", "Tocsin: containers",
        "What containers and systemd's units use, how they are limited, and how they fare.",
        "machine_cpu_cores", overview(), processors(), memory(), traffic(), pressure(), life(), units(),
        variables=(
            # Containers without a project are part of all.
            variable("project", "Compose project", "label_values(container_last_seen%s}, %s)" % (bound, PROJECT), every=".*"),
            variable("name", "Container", 'label_values(container_last_seen%s, %s=~"$project"}, name)' % (bound, PROJECT)),
        ))
