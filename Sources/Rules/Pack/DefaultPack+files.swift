// Written by scripts/embed-rules from rules/*.yaml.

extension DefaultPack {
    // swift-format-ignore
    static let embedded: [File] = [
        File(name: "agent.yaml", text: #"""
# The agent itself: whether it reads, keeps and delivers everything.
groups:
  - name: agent
    rules:
      - alert: AgentPartNotReady
        expr: tocsin_part_ready == 0
        for: 10m
        labels: {severity: warning}
        annotations:
          summary: 'Part {{ $labels.part }} of the agent on {{ $labels.instance }} is not all right.'
          description: 'It has been starting, degraded or failed for ten minutes; /-/ready says why.'
          runbook: docs/alerts.md#agentpartnotready
      - alert: AgentDestinationBehind
        expr: tocsin_destination_lag_seconds > 900
        for: 10m
        keep_firing_for: 5m
        labels: {severity: warning}
        annotations:
          summary: 'Log lines of {{ $labels.instance }} reach {{ $labels.destination }} late.'
          description: 'The oldest line that it has not taken has waited for {{ $value | humanizeDuration }}.'
          runbook: docs/alerts.md#agentdestinationbehind
      - alert: AgentSourceBehind
        expr: tocsin_source_lag_seconds > 300
        for: 10m
        keep_firing_for: 5m
        labels: {severity: warning}
        annotations:
          summary: 'The agent on {{ $labels.instance }} does not keep up with {{ $labels.source }}.'
          description: 'The oldest line that is not stored is {{ $value | humanizeDuration }} old.'
          runbook: docs/alerts.md#agentsourcebehind
      - alert: AgentFilesBehind
        expr: promtail_file_bytes_total - promtail_read_bytes_total > 100e6
        for: 15m
        keep_firing_for: 5m
        labels: {severity: warning}
        annotations:
          summary: '{{ $labels.path }} on {{ $labels.instance }} is read too slowly.'
          description: '{{ $value | humanize }}B of the file have not been read yet.'
          runbook: docs/alerts.md#agentfilesbehind
      - alert: AgentDropsEntries
        expr: |-
          increase(tocsin_destination_dropped_entries_total[15m]) > 0
            or increase(tocsin_store_dropped_entries_total[15m]) > 0
        keep_firing_for: 15m
        labels: {severity: critical}
        annotations:
          summary: 'Log lines of {{ $labels.instance }} are lost to {{ $labels.destination }}.'
          description: '{{ $value | printf "%.0f" }} entries were given up in a quarter of an hour: {{ $labels.reason }}.'
          runbook: docs/alerts.md#agentdropsentries
      - alert: AgentQuarantinesEntries
        expr: increase(tocsin_destination_quarantined_entries_total[15m]) > 0
        keep_firing_for: 15m
        labels: {severity: warning}
        annotations:
          summary: '{{ $labels.destination }} refuses log lines of {{ $labels.instance }}.'
          description: '{{ $value | printf "%.0f" }} entries were refused for good in a quarter of an hour and put aside: {{ $labels.reason }}.'
          runbook: docs/alerts.md#agentquarantinesentries
      - alert: AgentRequestsFail
        expr: |-
          sum by (job, instance, host) (rate(promtail_request_duration_seconds_count{status_code!~"2.."}[5m]))
            / sum by (job, instance, host) (rate(promtail_request_duration_seconds_count[5m])) > 0.05
        for: 15m
        keep_firing_for: 5m
        labels: {severity: warning}
        annotations:
          summary: 'Loki at {{ $labels.host }} refuses requests of {{ $labels.instance }}.'
          description: '{{ $value | humanizePercentage }} of the requests are not answered with success.'
          runbook: docs/alerts.md#agentrequestsfail
      - alert: AgentStoreBlocked
        expr: min_over_time(tocsin_store_waiting[5m]) > 0
        for: 5m
        labels: {severity: critical}
        annotations:
          summary: 'The agent on {{ $labels.instance }} cannot store log lines.'
          description: '{{ $value | printf "%.0f" }} commits wait for room in the store or for the disk.'
          runbook: docs/alerts.md#agentstoreblocked
      - alert: AgentStoreWriteErrors
        expr: increase(tocsin_store_write_errors_total[15m]) > 0
        keep_firing_for: 15m
        labels: {severity: critical}
        annotations:
          summary: 'The agent on {{ $labels.instance }} cannot write its store.'
          description: '{{ $value | printf "%.0f" }} writes failed in a quarter of an hour.'
          runbook: docs/alerts.md#agentstorewriteerrors
      - alert: AgentConfigurationRefused
        expr: tocsin_config_reload_success == 0
        for: 5m
        labels: {severity: warning}
        annotations:
          summary: 'The agent on {{ $labels.instance }} runs an old configuration.'
          description: 'The last one could not be loaded; its log says file, line and column.'
          runbook: docs/alerts.md#agentconfigurationrefused
      - alert: AgentCollectorFailing
        expr: |-
          node_scrape_collector_success == 0
            and max_over_time(node_scrape_collector_success[6h]) == 1
        for: 15m
        labels: {severity: warning}
        annotations:
          summary: 'Collector {{ $labels.collector }} on {{ $labels.instance }} brings nothing any more.'
          description: 'It did within the last six hours; alerts on its metrics see nothing now.'
          runbook: docs/alerts.md#agentcollectorfailing
      - alert: AgentSamplesDropped
        expr: increase(tocsin_collector_dropped_samples_total[15m]) > 0
        for: 15m
        keep_firing_for: 15m
        labels: {severity: info}
        annotations:
          summary: 'Collector {{ $labels.collector }} on {{ $labels.instance }} has more samples than it may.'
          description: '{{ $value | printf "%.0f" }} samples were left out in a quarter of an hour.'
          runbook: docs/alerts.md#agentsamplesdropped
      - alert: AgentRemoteWriteBehind
        expr: tocsin_remote_write_lag_seconds > 900
        for: 10m
        keep_firing_for: 5m
        labels: {severity: warning}
        annotations:
          summary: 'Samples of {{ $labels.instance }} reach {{ with $labels.remote_name }}{{ . }}{{ else }}their destination{{ end }} late.'
          description: 'The oldest sample that is not sent has waited for {{ $value | humanizeDuration }}.'
          runbook: docs/alerts.md#agentremotewritebehind
      - alert: AgentRemoteWriteRefused
        expr: increase(prometheus_remote_storage_samples_failed_total[15m]) > 0
        for: 5m
        keep_firing_for: 15m
        labels: {severity: warning}
        annotations:
          summary: '{{ with $labels.remote_name }}{{ . }}{{ else }}The destination of samples{{ end }} refuses samples of {{ $labels.instance }}.'
          description: '{{ $value | printf "%.0f" }} samples were refused for good in a quarter of an hour.'
          runbook: docs/alerts.md#agentremotewriterefused
      - alert: AgentRulesLate
        expr: increase(tocsin_rule_group_iterations_missed_total[15m]) > 0
        for: 15m
        keep_firing_for: 15m
        labels: {severity: warning}
        annotations:
          summary: 'Rules of {{ $labels.rule_group }} on {{ $labels.instance }} are evaluated too seldom.'
          description: '{{ $value | printf "%.0f" }} evaluations were left out in a quarter of an hour because those before them took too long.'
          runbook: docs/alerts.md#agentruleslate

"""#),
        File(name: "bans.yaml", text: #"""
# Attacks, as the jails see them.
groups:
  - name: bans
    rules:
      - alert: BansSurging
        expr: |-
          increase(f2b_jail_banned_total[15m]) > 20
            and increase(f2b_jail_banned_total[15m]) > 4 * increase(f2b_jail_banned_total[1d] offset 15m) / 96
        for: 5m
        keep_firing_for: 15m
        labels: {severity: warning}
        annotations:
          summary: 'Jail {{ $labels.jail }} of {{ $labels.instance }} bans far more addresses than usual.'
          description: '{{ $value | printf "%.0f" }} bans in a quarter of an hour are more than four times as many as on average over the day before.'
          runbook: docs/alerts.md#banssurging
      - alert: LoginFailuresSurging
        expr: |-
          increase(f2b_jail_failed_total[15m]) > 200
            and increase(f2b_jail_failed_total[15m]) > 4 * increase(f2b_jail_failed_total[1d] offset 15m) / 96
        for: 5m
        keep_firing_for: 15m
        labels: {severity: info}
        annotations:
          summary: 'Jail {{ $labels.jail }} of {{ $labels.instance }} sees far more failures than usual.'
          description: '{{ $value | printf "%.0f" }} failures in a quarter of an hour are more than four times as many as on average over the day before.'
          runbook: docs/alerts.md#loginfailuressurging
      - alert: JailReadsNothing
        expr: time() - tocsin_jail_last_line_timestamp_seconds > tocsin_jail_silent_after_seconds
        for: 5m
        labels: {severity: info}
        annotations:
          summary: 'Jail {{ $labels.jail }} of {{ $labels.instance }} reads nothing.'
          description: 'It has not read a line for {{ $value | humanizeDuration }}: it may look at a place where nothing is logged any more.'
          runbook: docs/alerts.md#jailreadsnothing
      - alert: JailReadsNoDates
        expr: |-
          increase(tocsin_jail_undated_lines_total[1h]) > 10
            and increase(tocsin_jail_undated_lines_total[1h]) > 0.99 * increase(tocsin_jail_lines_total[1h])
        for: 15m
        keep_firing_for: 1h
        labels: {severity: warning}
        annotations:
          summary: 'Jail {{ $labels.jail }} of {{ $labels.instance }} cannot read the dates of its log.'
          description: 'None of {{ $value | printf "%.0f" }} lines in an hour had a date it knows: after a start all of them count as of now.'
          runbook: docs/alerts.md#jailreadsnodates

"""#),
        File(name: "certificates.yaml", text: #"""
# Certificates in files and of servers that are probed.
groups:
  - name: certificates
    rules:
      - alert: CertificateExpiring
        expr: |-
          (tocsin_certificate_not_after_timestamp_seconds or probe_ssl_earliest_cert_expiry) - time() < 14 * 86400
        for: 1h
        labels: {severity: warning}
        annotations:
          summary: '{{ with $labels.path }}Certificate {{ . }} on {{ $labels.instance }}{{ else }}The certificate of {{ $labels.instance }}{{ end }} expires soon.'
          description: 'It expires in {{ $value | humanizeDuration }}{{ with $labels.subject }}; its subject is {{ . }}{{ end }}.'
          runbook: docs/alerts.md#certificateexpiring
      - alert: CertificateAboutToExpire
        expr: |-
          (tocsin_certificate_not_after_timestamp_seconds or probe_ssl_earliest_cert_expiry) - time() < 3 * 86400
        for: 10m
        labels: {severity: critical}
        annotations:
          summary: '{{ with $labels.path }}Certificate {{ . }} on {{ $labels.instance }}{{ else }}The certificate of {{ $labels.instance }}{{ end }} {{ if gt $value 0.0 }}expires within days{{ else }}has expired{{ end }}.'
          description: '{{ if gt $value 0.0 }}It expires in {{ $value | humanizeDuration }}{{ else }}It is no longer valid{{ end }}{{ with $labels.subject }}; its subject is {{ . }}{{ end }}.'
          runbook: docs/alerts.md#certificateabouttoexpire
      - alert: CertificateFileUnreadable
        expr: tocsin_certificate_file_readable == 0
        for: 1h
        labels: {severity: warning}
        annotations:
          summary: 'Certificate file {{ $labels.path }} on {{ $labels.instance }} cannot be read.'
          description: 'Nobody would notice when what is in it expires.'
          runbook: docs/alerts.md#certificatefileunreadable

"""#),
        File(name: "clock.yaml", text: #"""
# Whether the clock is right.
groups:
  - name: clock
    rules:
      - alert: ClockNotSynchronised
        expr: |-
          max_over_time(node_timex_sync_status[5m]) == 0
            and node_timex_maxerror_seconds >= 16
        for: 10m
        labels: {severity: warning}
        annotations:
          summary: 'Nothing keeps the clock of {{ $labels.instance }} right.'
          description: 'The kernel''s clock follows no source and may be off by any amount.'
          runbook: docs/alerts.md#clocknotsynchronised
      - alert: ClockSkew
        expr: |-
          (node_timex_offset_seconds > 0.05 and deriv(node_timex_offset_seconds[5m]) >= 0)
            or (node_timex_offset_seconds < -0.05 and deriv(node_timex_offset_seconds[5m]) <= 0)
        for: 10m
        keep_firing_for: 5m
        labels: {severity: warning}
        annotations:
          summary: 'The clock of {{ $labels.instance }} is wrong.'
          description: 'It is off by {{ $value | humanizeDuration }} and does not come closer.'
          runbook: docs/alerts.md#clockskew

"""#),
        File(name: "containers.yaml", text: #"""
# Containers and pods.
groups:
  - name: containers
    rules:
      - alert: ContainerRestarting
        expr: increase(tocsin_container_restarts_total[15m]) > 3
        for: 5m
        keep_firing_for: 10m
        labels: {severity: warning}
        annotations:
          summary: 'Container {{ $labels.name }} on {{ $labels.instance }} does not stay up.'
          description: 'It was started anew {{ $value | printf "%.0f" }} times in a quarter of an hour.'
          runbook: docs/alerts.md#containerrestarting
      - alert: ContainerUnhealthy
        expr: 'tocsin_container_health{state="unhealthy"} == 1'
        for: 5m
        labels: {severity: warning}
        annotations:
          summary: 'Container {{ $labels.name }} on {{ $labels.instance }} is unhealthy.'
          description: 'Its own health check fails.'
          runbook: docs/alerts.md#containerunhealthy
      - alert: ContainerOutOfMemory
        expr: increase(container_oom_events_total[10m]) > 0
        labels: {severity: warning}
        annotations:
          summary: 'A process of container {{ $labels.name }} on {{ $labels.instance }} was killed for want of memory.'
          description: '{{ $value | printf "%.0f" }} processes were killed in ten minutes.'
          runbook: docs/alerts.md#containeroutofmemory
      - alert: ContainerMemoryNearLimit
        expr: container_memory_working_set_bytes / (container_spec_memory_limit_bytes > 0) > 0.9
        for: 15m
        keep_firing_for: 5m
        labels: {severity: warning}
        annotations:
          summary: 'Container {{ $labels.name }} on {{ $labels.instance }} nears its memory limit.'
          description: 'It uses {{ $value | humanizePercentage }} of what it may have.'
          runbook: docs/alerts.md#containermemorynearlimit
      - alert: ContainerThrottled
        expr: |-
          rate(container_cpu_cfs_throttled_periods_total[5m])
            / (rate(container_cpu_cfs_periods_total[5m]) > 1) > 0.5
        for: 15m
        keep_firing_for: 5m
        labels: {severity: info}
        annotations:
          summary: 'Container {{ $labels.name }} on {{ $labels.instance }} wants more processor time than it may have.'
          description: 'It was held back in {{ $value | humanizePercentage }} of the periods.'
          runbook: docs/alerts.md#containerthrottled

"""#),
        File(name: "cpu.yaml", text: #"""
# The processors: how busy they are, and what keeps them from work.
groups:
  - name: cpu
    rules:
      - alert: CPUBusy
        expr: |-
          1 - sum by (job, instance) (rate(node_cpu_seconds_total{mode=~"idle|iowait"}[5m]))
            / count by (job, instance) (node_cpu_seconds_total{mode="idle"}) > 0.8
        for: 15m
        keep_firing_for: 5m
        labels: {severity: warning}
        annotations:
          summary: 'The processors of {{ $labels.instance }} are busy.'
          description: '{{ $value | humanizePercentage }} of all processor time has been in use for a quarter of an hour.'
          runbook: docs/alerts.md#cpubusy
      - alert: CPUSaturated
        expr: |-
          1 - sum by (job, instance) (rate(node_cpu_seconds_total{mode=~"idle|iowait"}[5m]))
            / count by (job, instance) (node_cpu_seconds_total{mode="idle"}) > 0.95
        for: 30m
        keep_firing_for: 5m
        labels: {severity: critical}
        annotations:
          summary: 'The processors of {{ $labels.instance }} have nothing left.'
          description: '{{ $value | humanizePercentage }} of all processor time has been in use for half an hour.'
          runbook: docs/alerts.md#cpusaturated
      - alert: CPUWaiting
        expr: rate(node_pressure_cpu_waiting_seconds_total[5m]) > 0.6
        for: 15m
        keep_firing_for: 5m
        labels: {severity: warning}
        annotations:
          summary: 'Tasks on {{ $labels.instance }} wait for a processor.'
          description: 'In {{ $value | humanizePercentage }} of the time at least one task could have run and had no processor.'
          runbook: docs/alerts.md#cpuwaiting
      - alert: LoadHigh
        expr: |-
          node_load15
            / on (job, instance) count by (job, instance) (node_cpu_seconds_total{mode="idle"}) > 3
        for: 15m
        keep_firing_for: 5m
        labels: {severity: warning}
        annotations:
          summary: 'The load of {{ $labels.instance }} is high.'
          description: 'The load of the last fifteen minutes is {{ $value | printf "%.1f" }} for each processor.'
          runbook: docs/alerts.md#loadhigh
      - alert: CPUStolen
        expr: 'avg by (job, instance) (rate(node_cpu_seconds_total{mode="steal"}[5m])) > 0.1'
        for: 15m
        labels: {severity: warning}
        annotations:
          summary: 'The hypervisor keeps processors from {{ $labels.instance }}.'
          description: '{{ $value | humanizePercentage }} of the processor time went to other guests of the same machine.'
          runbook: docs/alerts.md#cpustolen
      - alert: CPUThrottledByHeat
        expr: sum by (job, instance) (increase(node_cpu_core_throttles_total[10m])) > 10
        for: 5m
        keep_firing_for: 15m
        labels: {severity: warning}
        annotations:
          summary: '{{ $labels.instance }} slows its processors down for heat.'
          description: 'Cores were throttled {{ $value | printf "%.0f" }} times in ten minutes.'
          runbook: docs/alerts.md#cputhrottledbyheat

"""#),
        File(name: "disks.yaml", text: #"""
# File systems, how fast they fill, and the devices under them.
groups:
  - name: disks
    rules:
      - alert: DiskSpaceLow
        expr: |-
          1 - node_filesystem_avail_bytes{fstype!~"tmpfs|ramfs|squashfs|iso9660|fuse.*"} / node_filesystem_size_bytes > 0.8
            and node_filesystem_readonly == 0
        for: 15m
        keep_firing_for: 15m
        labels: {severity: warning}
        annotations:
          summary: '{{ $labels.mountpoint }} on {{ $labels.instance }} fills up.'
          description: '{{ $value | humanizePercentage }} of {{ $labels.device }} is in use.'
          runbook: docs/alerts.md#diskspacelow
      - alert: DiskSpaceCritical
        expr: |-
          1 - node_filesystem_avail_bytes{fstype!~"ramfs|squashfs|iso9660|fuse.*"} / node_filesystem_size_bytes > 0.95
            and node_filesystem_readonly == 0
        for: 5m
        keep_firing_for: 5m
        labels: {severity: critical}
        annotations:
          summary: '{{ $labels.mountpoint }} on {{ $labels.instance }} is almost full.'
          description: '{{ $value | humanizePercentage }} of {{ $labels.device }} is in use.'
          runbook: docs/alerts.md#diskspacecritical
      - alert: DiskFullInADay
        expr: |-
          predict_linear(node_filesystem_avail_bytes{fstype!~"tmpfs|ramfs|squashfs|iso9660|fuse.*"}[6h], 24 * 3600) < 0
            and node_filesystem_avail_bytes / node_filesystem_size_bytes < 0.4
            and node_filesystem_readonly == 0
        for: 1h
        keep_firing_for: 30m
        labels: {severity: warning}
        annotations:
          summary: '{{ $labels.mountpoint }} on {{ $labels.instance }} will be full within a day.'
          description: 'At the pace of the last six hours {{ $labels.device }} has no room left in less than 24 hours.'
          runbook: docs/alerts.md#diskfullinaday
      - alert: DiskFullInHours
        expr: |-
          predict_linear(node_filesystem_avail_bytes{fstype!~"tmpfs|ramfs|squashfs|iso9660|fuse.*"}[1h], 4 * 3600) < 0
            and node_filesystem_avail_bytes / node_filesystem_size_bytes < 0.25
            and node_filesystem_readonly == 0
        for: 10m
        keep_firing_for: 10m
        labels: {severity: critical}
        annotations:
          summary: '{{ $labels.mountpoint }} on {{ $labels.instance }} will be full within hours.'
          description: 'At the pace of the last hour {{ $labels.device }} has no room left in less than four hours.'
          runbook: docs/alerts.md#diskfullinhours
      - alert: InodesLow
        expr: |-
          node_filesystem_files_free{fstype!~"tmpfs|ramfs|squashfs|iso9660|fuse.*"} / (node_filesystem_files > 0) < 0.1
            and node_filesystem_readonly == 0
        for: 15m
        keep_firing_for: 15m
        labels: {severity: warning}
        annotations:
          summary: '{{ $labels.mountpoint }} on {{ $labels.instance }} has room for few more files.'
          description: '{{ $value | humanizePercentage }} of the inodes of {{ $labels.device }} are free.'
          runbook: docs/alerts.md#inodeslow
      - alert: InodesCritical
        expr: |-
          node_filesystem_files_free{fstype!~"ramfs|squashfs|iso9660|fuse.*"} / (node_filesystem_files > 0) < 0.03
            and node_filesystem_readonly == 0
        for: 5m
        keep_firing_for: 5m
        labels: {severity: critical}
        annotations:
          summary: '{{ $labels.mountpoint }} on {{ $labels.instance }} has room for hardly any file.'
          description: '{{ $value | humanizePercentage }} of the inodes of {{ $labels.device }} are free.'
          runbook: docs/alerts.md#inodescritical
      - alert: FilesystemBecameReadOnly
        expr: |-
          node_filesystem_readonly{fstype!~"tmpfs|ramfs|squashfs|iso9660|fuse.*"} == 1
            and min_over_time(node_filesystem_readonly[1d]) == 0
        for: 1m
        labels: {severity: critical}
        annotations:
          summary: '{{ $labels.mountpoint }} on {{ $labels.instance }} can no longer be written to.'
          description: '{{ $labels.device }} was writable within the last day and is now read-only, as the kernel does after errors.'
          runbook: docs/alerts.md#filesystembecamereadonly
      - alert: FilesystemNotAnswering
        expr: 'node_filesystem_device_error{fstype!~"tmpfs|ramfs|squashfs|iso9660|fuse.*"} == 1'
        for: 10m
        labels: {severity: warning}
        annotations:
          summary: '{{ $labels.mountpoint }} on {{ $labels.instance }} does not say how full it is.'
          description: '{{ $labels.device }} hangs or refuses: {{ with $labels.device_error }}{{ . }}{{ else }}no reason is known{{ end }}.'
          runbook: docs/alerts.md#filesystemnotanswering
      - alert: DiskBusy
        expr: rate(node_disk_io_time_seconds_total[5m]) > 0.9
        for: 30m
        keep_firing_for: 5m
        labels: {severity: warning}
        annotations:
          summary: 'Disk {{ $labels.device }} of {{ $labels.instance }} is busy all the time.'
          description: 'It had requests in {{ $value | humanizePercentage }} of the time for half an hour.'
          runbook: docs/alerts.md#diskbusy
      - alert: DiskSlow
        expr: |-
          (rate(node_disk_read_time_seconds_total[5m]) + rate(node_disk_write_time_seconds_total[5m]))
            / (rate(node_disk_reads_completed_total[5m]) + rate(node_disk_writes_completed_total[5m]) > 1) > 0.2
        for: 15m
        keep_firing_for: 5m
        labels: {severity: warning}
        annotations:
          summary: 'Disk {{ $labels.device }} of {{ $labels.instance }} answers slowly.'
          description: 'A request takes {{ $value | humanizeDuration }} on average.'
          runbook: docs/alerts.md#diskslow
      - alert: IOStalled
        expr: rate(node_pressure_io_stalled_seconds_total[5m]) > 0.4
        for: 15m
        keep_firing_for: 5m
        labels: {severity: warning}
        annotations:
          summary: 'Tasks on {{ $labels.instance }} stand still for their disks.'
          description: 'In {{ $value | humanizePercentage }} of the time no task got on because all waited for input or output.'
          runbook: docs/alerts.md#iostalled
      - alert: RAIDDegraded
        expr: |-
          node_md_degraded > 0
            or node_md_disks_required - ignoring (state) node_md_disks{state="active"} > 0
        for: 5m
        labels: {severity: critical}
        annotations:
          summary: 'Array {{ $labels.device }} of {{ $labels.instance }} lacks disks.'
          description: '{{ $value | printf "%.0f" }} of its disks are missing: another failure may lose data.'
          runbook: docs/alerts.md#raiddegraded
      - alert: RAIDDiskFailed
        expr: 'node_md_disks{state="failed"} > 0'
        for: 5m
        labels: {severity: warning}
        annotations:
          summary: 'A disk of array {{ $labels.device }} of {{ $labels.instance }} failed.'
          description: 'The array has {{ $value | printf "%.0f" }} failed disks to be replaced.'
          runbook: docs/alerts.md#raiddiskfailed
      - alert: ZFSPoolUnhealthy
        expr: 'node_zfs_zpool_state{state!="online"} == 1'
        for: 1m
        labels: {severity: critical}
        annotations:
          summary: 'Pool {{ $labels.zpool }} of {{ $labels.instance }} is {{ $labels.state }}.'
          description: 'ZFS no longer has all of the pool''s redundancy, or the pool itself.'
          runbook: docs/alerts.md#zfspoolunhealthy
      - alert: DiskUnhealthy
        expr: smartmon_device_smart_healthy == 0
        for: 5m
        labels: {severity: critical}
        annotations:
          summary: 'Disk {{ $labels.disk }} of {{ $labels.instance }} expects to fail.'
          description: 'Its own self-assessment (SMART) says that it is failing.'
          runbook: docs/alerts.md#diskunhealthy
      - alert: NVMeControllerNotLive
        expr: 'node_nvme_info{state!="live"} == 1'
        for: 5m
        labels: {severity: critical}
        annotations:
          summary: 'NVMe controller {{ $labels.device }} of {{ $labels.instance }} is {{ $labels.state }}.'
          description: '{{ $labels.model }}, serial number {{ $labels.serial }}, does not take requests.'
          runbook: docs/alerts.md#nvmecontrollernotlive
      - alert: MultipathPathsFailed
        expr: node_dmmultipath_device_paths_failed > 0
        for: 5m
        labels: {severity: warning}
        annotations:
          summary: 'Paths to {{ $labels.device }} on {{ $labels.instance }} failed.'
          description: '{{ $value | printf "%.0f" }} paths do not work; the device is reached over the others.'
          runbook: docs/alerts.md#multipathpathsfailed

"""#),
        File(name: "jobs.yaml", text: #"""
# Backups, deployments and whatever else writes a text file for the textfile collector.
groups:
  - name: jobs
    rules:
      - alert: BackupTooOld
        expr: |-
          time() - backup_last_success_timestamp_seconds
            > on (job, instance, backup) (backup_max_age_seconds or backup_last_success_timestamp_seconds * 0 + 26 * 3600)
        for: 10m
        labels: {severity: critical}
        annotations:
          summary: '{{ with $labels.backup }}Backup {{ . }}{{ else }}The backup{{ end }} of {{ $labels.instance }} is too old.'
          description: 'The last one that succeeded ended {{ $value | humanizeDuration }} ago.'
          runbook: docs/alerts.md#backuptooold
      - alert: DeploymentFailed
        expr: deployment_last_run_success == 0
        labels: {severity: warning}
        annotations:
          summary: '{{ with $labels.deployment }}Deployment {{ . }}{{ else }}The deployment{{ end }} on {{ $labels.instance }} failed.'
          description: 'What runs may be an old version, or half of a new one.'
          runbook: docs/alerts.md#deploymentfailed
      - alert: TextfileUnreadable
        expr: node_textfile_scrape_error == 1
        for: 15m
        labels: {severity: warning}
        annotations:
          summary: 'Text files with metrics on {{ $labels.instance }} cannot be read.'
          description: 'One of the textfile collector''s files is missing rights or is not in the text format; what it says is not seen.'
          runbook: docs/alerts.md#textfileunreadable

"""#),
        File(name: "memory.yaml", text: #"""
# Memory: how much is left, who waits for it, who was killed for it.
groups:
  - name: memory
    rules:
      - alert: MemoryUseHigh
        expr: 1 - node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes > 0.8
        for: 15m
        keep_firing_for: 5m
        labels: {severity: warning}
        annotations:
          summary: '{{ $labels.instance }} uses most of its memory.'
          description: '{{ $value | humanizePercentage }} of the memory is in use and cannot be reclaimed.'
          runbook: docs/alerts.md#memoryusehigh
      - alert: MemoryExhausted
        expr: 1 - node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes > 0.95
        for: 5m
        keep_firing_for: 5m
        labels: {severity: critical}
        annotations:
          summary: '{{ $labels.instance }} runs out of memory.'
          description: '{{ $value | humanizePercentage }} of the memory is in use; the next large request ends with a killed process.'
          runbook: docs/alerts.md#memoryexhausted
      - alert: MemoryStalled
        expr: rate(node_pressure_memory_stalled_seconds_total[5m]) > 0.1
        for: 10m
        keep_firing_for: 5m
        labels: {severity: warning}
        annotations:
          summary: 'Tasks on {{ $labels.instance }} stand still for want of memory.'
          description: 'In {{ $value | humanizePercentage }} of the time no task got on because all waited for memory.'
          runbook: docs/alerts.md#memorystalled
      - alert: SwapThrashing
        expr: rate(node_vmstat_pswpin[5m]) > 500 and rate(node_vmstat_pswpout[5m]) > 500
        for: 15m
        keep_firing_for: 5m
        labels: {severity: warning}
        annotations:
          summary: '{{ $labels.instance }} swaps in and out all the time.'
          description: '{{ $value | printf "%.0f" }} pages a second come back from swap while others go there.'
          runbook: docs/alerts.md#swapthrashing
      - alert: OOMKill
        expr: increase(node_vmstat_oom_kill[10m]) > 0
        labels: {severity: warning}
        annotations:
          summary: 'The kernel of {{ $labels.instance }} killed a process for want of memory.'
          description: '{{ $value | printf "%.0f" }} processes were killed in ten minutes.'
          runbook: docs/alerts.md#oomkill
      - alert: UnitOutOfMemory
        expr: increase(tocsin_unit_oom_kills_total[10m]) > 0
        labels: {severity: warning}
        annotations:
          summary: 'A process of {{ $labels.unit }} on {{ $labels.instance }} was killed for want of memory.'
          description: '{{ $value | printf "%.0f" }} processes of the unit were killed in ten minutes; its own limit or the host''s memory was reached.'
          runbook: docs/alerts.md#unitoutofmemory
      - alert: MemoryErrorsUncorrected
        expr: increase(node_edac_uncorrectable_errors_total[1h]) > 0
        keep_firing_for: 1h
        labels: {severity: critical}
        annotations:
          summary: 'Memory of {{ $labels.instance }} is damaged.'
          description: 'Controller {{ $labels.controller }} saw {{ $value | printf "%.0f" }} errors in an hour that it could not correct: data may be wrong.'
          runbook: docs/alerts.md#memoryerrorsuncorrected
      - alert: MemoryErrorsCorrected
        expr: increase(node_edac_correctable_errors_total[1h]) > 10
        for: 5m
        keep_firing_for: 1h
        labels: {severity: warning}
        annotations:
          summary: 'Memory of {{ $labels.instance }} begins to fail.'
          description: 'Controller {{ $labels.controller }} corrected {{ $value | printf "%.0f" }} errors in an hour.'
          runbook: docs/alerts.md#memoryerrorscorrected

"""#),
        File(name: "network.yaml", text: #"""
# Devices, links, connections.
groups:
  - name: network
    rules:
      - alert: NetworkReceiveErrors
        expr: |-
          rate(node_network_receive_errs_total[5m])
            / (rate(node_network_receive_packets_total[5m]) > 1) > 0.01
        for: 15m
        keep_firing_for: 15m
        labels: {severity: warning}
        annotations:
          summary: '{{ $labels.device }} of {{ $labels.instance }} receives damaged packets.'
          description: '{{ $value | humanizePercentage }} of the packets received have errors.'
          runbook: docs/alerts.md#networkreceiveerrors
      - alert: NetworkTransmitErrors
        expr: |-
          rate(node_network_transmit_errs_total[5m])
            / (rate(node_network_transmit_packets_total[5m]) > 1) > 0.01
        for: 15m
        keep_firing_for: 15m
        labels: {severity: warning}
        annotations:
          summary: '{{ $labels.device }} of {{ $labels.instance }} cannot send all packets.'
          description: '{{ $value | humanizePercentage }} of the packets could not be sent.'
          runbook: docs/alerts.md#networktransmiterrors
      - alert: NetworkSaturated
        expr: |-
          (rate(node_network_receive_bytes_total{device!~"lo|veth.*|docker.*|br-.*|virbr.*|cni.*|flannel.*|cali.*|tap.*|tun.*|wg.*|ifb.*|dummy.*"}[5m]) > rate(node_network_transmit_bytes_total[5m])
              or rate(node_network_transmit_bytes_total{device!~"lo|veth.*|docker.*|br-.*|virbr.*|cni.*|flannel.*|cali.*|tap.*|tun.*|wg.*|ifb.*|dummy.*"}[5m]))
            / (node_network_speed_bytes > 0) > 0.8
        for: 15m
        keep_firing_for: 5m
        labels: {severity: warning}
        annotations:
          summary: '{{ $labels.device }} of {{ $labels.instance }} is near the limit of its link.'
          description: 'The busier direction uses {{ $value | humanizePercentage }} of what the link can carry.'
          runbook: docs/alerts.md#networksaturated
      - alert: NetworkLinkDown
        expr: |-
          node_network_up{device!~"lo|veth.*|docker.*|br-.*|virbr.*|cni.*|flannel.*|cali.*|tap.*|tun.*|wg.*|ifb.*|dummy.*"} == 0
            and max_over_time(node_network_up[1d]) == 1
        for: 5m
        labels: {severity: critical}
        annotations:
          summary: '{{ $labels.device }} of {{ $labels.instance }} is down.'
          description: 'The device was up within the last day.'
          runbook: docs/alerts.md#networklinkdown
      - alert: NetworkLinkFlapping
        expr: |-
          increase(node_network_carrier_changes_total{device!~"lo|veth.*|docker.*|br-.*|virbr.*|cni.*|flannel.*|cali.*|tap.*|tun.*|wg.*|ifb.*|dummy.*"}[15m]) > 6
        for: 5m
        keep_firing_for: 15m
        labels: {severity: warning}
        annotations:
          summary: 'The link of {{ $labels.device }} on {{ $labels.instance }} comes and goes.'
          description: 'It changed {{ $value | printf "%.0f" }} times in a quarter of an hour.'
          runbook: docs/alerts.md#networklinkflapping
      - alert: BondDegraded
        expr: node_bonding_slaves - node_bonding_active > 0
        for: 5m
        labels: {severity: warning}
        annotations:
          summary: 'Bond {{ $labels.master }} of {{ $labels.instance }} lacks links.'
          description: '{{ $value | printf "%.0f" }} of its links are down.'
          runbook: docs/alerts.md#bonddegraded
      - alert: ConntrackTableFilling
        expr: node_nf_conntrack_entries / (node_nf_conntrack_entries_limit > 0) > 0.8
        for: 5m
        keep_firing_for: 5m
        labels: {severity: warning}
        annotations:
          summary: 'The table of tracked connections of {{ $labels.instance }} fills up.'
          description: '{{ $value | humanizePercentage }} of it are in use; when it is full, new connections are dropped.'
          runbook: docs/alerts.md#conntracktablefilling
      - alert: ListenQueueOverflows
        expr: rate(node_netstat_TcpExt_ListenOverflows[5m]) > 1
        for: 10m
        keep_firing_for: 5m
        labels: {severity: warning}
        annotations:
          summary: 'A service on {{ $labels.instance }} does not accept connections fast enough.'
          description: '{{ $value | printf "%.1f" }} connections a second were dropped because a listening socket''s queue was full.'
          runbook: docs/alerts.md#listenqueueoverflows

"""#),
        File(name: "targets.yaml", text: #"""
# What is scraped and probed: whether it is there, how it answers.
groups:
  - name: targets
    rules:
      - alert: TargetDown
        expr: up == 0
        for: 5m
        labels: {severity: critical}
        annotations:
          summary: 'Target {{ $labels.instance }} of {{ $labels.job }} is down.'
          description: 'It has not answered scrapes for five minutes.'
          runbook: docs/alerts.md#targetdown
      - alert: ProbeFailed
        expr: probe_success == 0
        for: 3m
        labels: {severity: critical}
        annotations:
          summary: '{{ with $labels.probe }}Probe {{ . }} of {{ end }}{{ $labels.instance }} fails.'
          description: 'What is probed has not answered as it should for three minutes.'
          runbook: docs/alerts.md#probefailed
      - alert: ProbeErrorRateHigh
        expr: 1 - avg_over_time(probe_success[5m]) > 0.05 and avg_over_time(probe_success[5m]) > 0
        for: 5m
        keep_firing_for: 5m
        labels: {severity: warning}
        annotations:
          summary: '{{ with $labels.probe }}Probe {{ . }} of {{ end }}{{ $labels.instance }} fails now and then.'
          description: '{{ $value | humanizePercentage }} of the probes of the last five minutes failed.'
          runbook: docs/alerts.md#probeerrorratehigh
      - alert: ProbeSlow
        expr: avg_over_time(probe_duration_seconds[5m]) > 2 and avg_over_time(probe_success[5m]) > 0
        for: 5m
        keep_firing_for: 5m
        labels: {severity: warning}
        annotations:
          summary: '{{ with $labels.probe }}Probe {{ . }} of {{ end }}{{ $labels.instance }} takes long.'
          description: 'It takes {{ $value | humanizeDuration }} on average.'
          runbook: docs/alerts.md#probeslow
      - alert: HTTPErrorRateHigh
        expr: |-
          sum by (job, instance) (rate(http_requests_total{code=~"5.."}[5m]) or rate(http_requests_total{status=~"5.."}[5m]))
            / sum by (job, instance) (rate(http_requests_total[5m])) > 0.05
        for: 5m
        keep_firing_for: 5m
        labels: {severity: critical}
        annotations:
          summary: '{{ $labels.job }} ({{ $labels.instance }}) answers many requests with errors.'
          description: '{{ $value | humanizePercentage }} of the requests are answered with a status of 500 or more.'
          runbook: docs/alerts.md#httperrorratehigh
      - alert: HTTPResponsesSlow
        expr: |-
          sum by (job, instance) (rate(http_request_duration_seconds_sum[5m]))
            / sum by (job, instance) (rate(http_request_duration_seconds_count[5m])) > 2
        for: 5m
        keep_firing_for: 5m
        labels: {severity: warning}
        annotations:
          summary: '{{ $labels.job }} ({{ $labels.instance }}) answers slowly.'
          description: 'A request takes {{ $value | humanizeDuration }} on average.'
          runbook: docs/alerts.md#httpresponsesslow

"""#),
        File(name: "units.yaml", text: #"""
# Services, the kernel, updates: what runs on the host and what it needs.
groups:
  - name: units
    rules:
      - alert: UnitFailed
        expr: 'node_systemd_unit_state{state="failed"} == 1'
        for: 5m
        labels: {severity: warning}
        annotations:
          summary: '{{ $labels.name }} on {{ $labels.instance }} failed.'
          description: 'systemd has the unit in the state failed.'
          runbook: docs/alerts.md#unitfailed
      - alert: ServiceCrashLooping
        expr: increase(node_systemd_service_restart_total[15m]) > 3
        for: 5m
        keep_firing_for: 10m
        labels: {severity: critical}
        annotations:
          summary: '{{ $labels.name }} on {{ $labels.instance }} does not stay up.'
          description: 'systemd restarted it {{ $value | printf "%.0f" }} times in a quarter of an hour.'
          runbook: docs/alerts.md#servicecrashlooping
      - alert: TasksHung
        expr: increase(node_kernel_hung_tasks_total[15m]) > 0
        keep_firing_for: 15m
        labels: {severity: warning}
        annotations:
          summary: 'Tasks on {{ $labels.instance }} hang in the kernel.'
          description: 'The kernel found {{ $value | printf "%.0f" }} tasks that had not moved for minutes.'
          runbook: docs/alerts.md#taskshung
      - alert: FileDescriptorsLow
        expr: node_filefd_allocated / node_filefd_maximum > 0.8
        for: 10m
        keep_firing_for: 5m
        labels: {severity: critical}
        annotations:
          summary: '{{ $labels.instance }} has room for few more open files.'
          description: '{{ $value | humanizePercentage }} of the files that may be open are.'
          runbook: docs/alerts.md#filedescriptorslow
      - alert: ProcessesNearLimit
        expr: node_processes_pids / node_processes_max_processes > 0.8
        for: 10m
        keep_firing_for: 5m
        labels: {severity: warning}
        annotations:
          summary: '{{ $labels.instance }} has room for few more processes.'
          description: '{{ $value | humanizePercentage }} of the process numbers are in use.'
          runbook: docs/alerts.md#processesnearlimit
      - alert: TemperatureCritical
        expr: |-
          node_hwmon_temp_celsius
            >= on (job, instance, chip, sensor) (node_hwmon_temp_crit_celsius > 0)
        for: 5m
        keep_firing_for: 5m
        labels: {severity: critical}
        annotations:
          summary: '{{ $labels.instance }} is too hot.'
          description: 'Sensor {{ $labels.sensor }} of {{ $labels.chip }} measures {{ $value | printf "%.0f" }} °C, which its maker calls critical.'
          runbook: docs/alerts.md#temperaturecritical
      - alert: RestartDue
        expr: tocsin_reboot_required == 1
        for: 1d
        labels: {severity: info}
        annotations:
          summary: '{{ $labels.instance }} is to be restarted.'
          description: 'An update asked for a restart a day ago or more; until then old code runs.'
          runbook: docs/alerts.md#restartdue
      - alert: SecurityUpdatesPending
        expr: tocsin_updates_security_pending > 0
        for: 7d
        labels: {severity: warning}
        annotations:
          summary: '{{ $labels.instance }} lacks updates for security.'
          description: '{{ $value | printf "%.0f" }} packages have had newer versions for a week.'
          runbook: docs/alerts.md#securityupdatespending
      - alert: SystemSupportEnds
        expr: |-
          node_os_support_end_timestamp_seconds > 0 and node_os_support_end_timestamp_seconds - time() < 60 * 86400
        for: 1h
        labels: {severity: info}
        annotations:
          summary: 'The system of {{ $labels.instance }} will not be supported much longer.'
          description: 'Support ends on {{ (toTime $value).Format "2 January 2006" }}.'
          runbook: docs/alerts.md#systemsupportends

"""#),
    ]
}
