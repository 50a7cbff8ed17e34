import Bytes
import Glibc
import Testing

@testable import Jails

/// fail2ban itself, driven by Python with the same configuration and the same bans as ours; only where it is installed.
enum Fail2banOracle {
    static let isThere: Bool = system("/usr/bin/python3 -c 'import fail2ban.server.actions' >/dev/null 2>&1") == 0

    /// What happens to a jail, in order.
    enum Step {
        case start, check, reload, stop
        case ban(Ban), prolong(Ban), unban(Ban)
        /// Lets the recorded command whose first argument is this fail from now on, or succeed again.
        case breaks(String), mends(String)
    }

    /// Runs the steps of each configuration in one process, and hands back what `ShellRecorder` has received for each.
    static func run(
        _ cases: [(configuration: String, steps: [Step])], jail: String, recorder: ShellRecorder
    ) throws -> [[String]] {
        try recorder.files.write("oracle.py", program)
        let path = recorder.files.path
        var arguments = ""
        for (index, item) in cases.enumerated() {
            try recorder.files.write("steps-\(index).json", json(item.steps))
            arguments += " '\(item.configuration)' '\(path)/steps-\(index).json'"
        }
        let status = system(
            "env PATH='\(recorder.path)' REC='\(path)' GREETING='hello there' PYTHONWARNINGS=ignore /usr/bin/python3 "
                + "'\(path)/oracle.py' '\(jail)' '\(path)' \(arguments) 2>'\(path)/errors'")
        if status != 0 { Issue.record("the oracle failed: \(try recorder.text(of: "errors"))") }
        return try cases.indices.map { try recorder.take("log-\($0)") }
    }

    /// What fail2ban makes of a command's tags: the text for the shell and its parameters.
    static func scripts(_ cases: [(command: String, ban: Ban)], files: ConfigurationFiles) throws -> [[String]] {
        try files.write("oracle.py", program)
        var writer = JSONWriter()
        writer.beginArray()
        for (command, ban) in cases {
            writer.beginArray()
            writer.string(command)
            write(ban, into: &writer)
            writer.endArray()
        }
        writer.endArray()
        try files.write("tags.json", bytes: writer.written())
        let status = system(
            "/usr/bin/python3 '\(files.path)/oracle.py' tags '\(files.path)/tags.json' >'\(files.path)/tags.out'")
        #expect(status == 0)
        let recorder = ShellRecorder(files: files)
        return try recorder.text(of: "tags.out").split(separator: "\u{1e}" as Character).map {
            $0.split(separator: "\u{1f}" as Character, omittingEmptySubsequences: false).map { String($0) }
        }
    }

    private static func json(_ steps: [Step]) -> String {
        var writer = JSONWriter()
        writer.beginArray()
        func word(_ kind: String, _ value: String? = nil) {
            writer.beginArray()
            writer.string(kind)
            if let value { writer.string(value) }
            writer.endArray()
        }
        func ban(_ kind: String, _ ban: Ban) {
            writer.beginArray()
            writer.string(kind)
            write(ban, into: &writer)
            writer.endArray()
        }
        for step in steps {
            switch step {
            case .start: word("start")
            case .check: word("check")
            case .reload: word("reload")
            case .stop: word("stop")
            case .breaks(let name): word("break", name)
            case .mends(let name): word("mend", name)
            case .ban(let value): ban("ban", value)
            case .prolong(let value): ban("prolong", value)
            case .unban(let value): ban("unban", value)
            }
        }
        writer.endArray()
        return String(decoding: writer.written(), as: UTF8.self)
    }

    private static func write(_ ban: Ban, into writer: inout JSONWriter) {
        writer.beginObject()
        writer.key("id")
        writer.string(ban.target.description)
        for (name, value) in [("time", ban.time), ("bantime", ban.duration)] {
            writer.key(name)
            writer.integer(Int(value))
        }
        writer.key("count")
        writer.integer(ban.count)
        writer.key("failures")
        writer.integer(ban.failures)
        writer.key("restored")
        writer.bool(ban.isRestored)
        writer.key("matches")
        writer.beginArray()
        for match in ban.matches { writer.string(match) }
        writer.endArray()
        writer.key("groups")
        writer.beginObject()
        for (name, value) in ban.groups.sorted(by: { $0.key < $1.key }) {
            writer.key(name)
            writer.string(value)
        }
        writer.endObject()
        writer.endObject()
    }

    private static let program = #"""
        import json, os, sys, logging
        logging.disable(logging.CRITICAL)
        from fail2ban.server.actions import Actions
        from fail2ban.server.action import CommandAction
        from fail2ban.server.banmanager import BanTicket
        from fail2ban.server.ipdns import DNSUtils, IPAddr
        from fail2ban.server.mytime import MyTime
        DNSUtils.setIPv6IsAllowed(True)
        DNSUtils.getHostname = staticmethod(lambda fqdn=True: "host.example" if fqdn else "host")
        DNSUtils.ipToName = staticmethod(lambda ip: "name.example" if ip == "192.0.2.1" else None)
        MyTime.time = staticmethod(lambda: 1700000100)

        class Count:
            def size(self): return 7
            def getFailTotal(self): return 70

        class Jail:
            database = None
            def __init__(self, name):
                self.name = name
                self.filter = type("Filter", (), {"failManager": Count()})()
                self.actions = Actions(self)
            def __str__(self): return self.name

        def ticket(v):
            data = dict(v["groups"], failures=v["failures"])
            if "fid" in data and data.get("ip4") not in (None, data["fid"]): data["ip"] = IPAddr(data["ip4"])
            t = BanTicket(v["id"], v["time"], v["matches"], data)
            t.setBanTime(v["bantime"])
            t.setBanCount(v["count"] - 1)
            t.restored = v["restored"]
            return t

        def tags(path):
            jail = Jail("j")
            jail.actions.banManager.size = lambda: 3
            jail.actions.banManager.getBanTotal = lambda: 30
            for command, ban in json.load(open(path)):
                t = ticket(ban)
                t.setBanCount(ban["count"], True)
                script = CommandAction.replaceDynamicTags(command, jail.actions._getActionInfo(t))
                parts = script if isinstance(script, list) else [script]
                sys.stdout.write("\x1f".join(parts) + "\x1e")

        def main(name, recorded, *cases):
            for index in range(0, len(cases), 2):
                run(cases[index], name, cases[index + 1], recorded)
                if os.path.exists(recorded + "/log"): os.rename(recorded + "/log", recorded + "/log-%d" % (index // 2))
                for left in os.listdir(recorded):
                    if left.startswith("broken-"): os.unlink(recorded + "/" + left)

        def run(directory, name, steps, recorded):
            from fail2ban.client.jailsreader import JailsReader
            reader = JailsReader(force_enable=True, basedir=directory, share_config={})
            reader.read()
            assert reader.getOptions(name)
            jail = Jail(name)
            actions = jail.actions
            for line in reader.convert(allow_no_files=True):
                if line[0] == "set" and line[2] == "bantime": actions.setBanTime(line[3])
                if line[0] == "set" and line[2] == "addaction": actions.add(*line[3:])
                if line[0] == "set" and line[2] == "action": setattr(actions[line[3]], line[4], line[5])
                if line[0] == "multi-set" and line[2] == "action":
                    for option, value in line[4]: setattr(actions[line[3]], option, value)
            for step in json.load(open(steps)):
                kind = step[0]
                if kind == "break": open(recorded + "/broken-" + step[1], "w").close()
                elif kind == "mend":
                    if os.path.exists(recorded + "/broken-" + step[1]): os.unlink(recorded + "/broken-" + step[1])
                elif kind == "stop":
                    actions._Actions__flushBan(stop=True)
                    actions.stopActions()
                elif kind == "ban": actions._Actions__checkBan([ticket(step[1])])
                elif kind == "unban": actions.removeBannedIP(step[1]["id"], db=False)
                elif kind == "prolong":
                    t = actions.banManager._BanManager__banList[IPAddr(step[1]["id"])]
                    t.setBanTime(step[1]["bantime"])
                    actions._prolongBan(t)
                else:
                    for n, action in actions.items():
                        try: getattr(action, {"check": "consistencyCheck"}.get(kind, kind))()
                        except RuntimeError: pass

        tags(sys.argv[2]) if sys.argv[1] == "tags" else main(*sys.argv[1:])
        """#
}

/// A directory whose program `rec`, by whatever name it is run, writes down its arguments.
final class ShellRecorder {
    let files: ConfigurationFiles

    init(files: ConfigurationFiles) { self.files = files }

    /// - Parameter names: further programs that are only recorded.
    init(names: [String] = []) throws {
        files = try ConfigurationFiles([
            "bin/rec.text": """
            #!/bin/sh
            words=${0##*/}
            for word in "$@"; do words="$words$(printf '\\037')$word"; done
            test "$1" != stdin || words="$words$(printf '\\037'; cat)"
            printf '%s\\037<%s>\\036' "$words" "$GREETING" >>"$REC/log"
            test ! -e "$REC/broken-$1"
            """
        ])
        // By a process of its own: a file that this one has open for writing, or a child that another test has just forked,
        // cannot be run.
        #expect(system("cd '\(files.path)/bin' && cp rec.text rec && chmod 755 rec") == 0)
        for name in names { symlink("rec", files.path + "/bin/" + name) }
    }

    var path: String { files.path + "/bin:/usr/sbin:/usr/bin:/sbin:/bin" }

    var runner: CommandRunner {
        CommandRunner(environment: ["PATH=\(path)", "REC=\(files.path)", "GREETING=hello there"])
    }

    /// The commands so far, which it then forgets.
    func take(_ log: String = "log") throws -> [String] {
        let text = access(files.path + "/" + log, F_OK) == 0 ? try text(of: log) : ""
        unlink(files.path + "/" + log)
        return text.split(separator: "\u{1e}" as Character).map {
            $0.split(separator: "\u{1f}" as Character, omittingEmptySubsequences: false).joined(separator: "|")
        }
    }

    func text(of name: String) throws -> String {
        let file = try #require(fopen(files.path + "/" + name, "r"))
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var byte = fgetc(file)
        while byte != EOF {
            bytes.append(UInt8(truncatingIfNeeded: byte))
            byte = fgetc(file)
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
