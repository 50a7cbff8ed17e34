/// Where a collector asks of the network: the kernel over netlink, or a file below `/proc`.
enum NetworkSource {
    case netlink(NetlinkSocket)
    case file(HostFile)

    /// - Parameter file: below `/proc`.
    init(_ context: CollectorContext, file: String) {
        let isNetlink = context.asksNetlink(insteadOf: context.paths.proc, usually: HostPaths().proc)
        self = isNetlink ? .netlink(NetlinkSocket(.route)) : .file(HostFile(context.paths.proc(file)))
    }
}
