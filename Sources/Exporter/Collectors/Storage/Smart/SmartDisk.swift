import Bytes
import Glibc
import Telemetry

/// A disk and what it said last. Safe from any thread.
final class SmartDisk: Sendable {
    struct State: Sendable {
        var reading: SmartReading?
        /// Wall clock.
        var readTime: Timestamp?
        var isAsleep = false
        var problem: String?
        var isBeingAsked = false
        /// Monotonic; when it is to be asked again.
        var dueAt = Timestamp(nanoseconds: 0)
    }

    /// As the kernel calls it, `sda` or `nvme0n1`.
    let name: String
    let standard: SmartReading.Standard
    private let path: String
    /// Tells whether the kernel itself has put the device to sleep: opening it would wake it.
    private let runtimeStatus: String
    let state = Condition(State())

    init(name: String, standard: SmartReading.Standard, path: String, runtimeStatus: String) {
        self.name = name
        self.standard = standard
        self.path = path
        self.runtimeStatus = runtimeStatus
    }

    /// Asks on the calling thread, however long that takes, and remembers what came.
    func ask(again interval: Double, _ open: (_ path: String) throws -> any DiskCommands) {
        var reader = HostReader()
        var answer: SmartQuestion.Answer?
        var problem: String?
        if reader.loadAttribute(runtimeStatus), reader.text.equals("suspended" as StaticString) {
            answer = .asleep
        } else {
            do {
                answer = try SmartQuestion.ask(standard, open(path))
            } catch {
                problem = "\(name): \(error)"
            }
        }
        let now = Timestamp.monotonic
        state.change { state in
            state.isBeingAsked = false
            state.problem = problem
            state.dueAt = now.adding(seconds: interval)
            switch answer {
            case .reading(let reading)?:
                state.reading = reading
                state.readTime = .now
                state.isAsleep = false
            // What it said before it fell asleep still stands; it is looked at again soon, which does not wake it.
            case .asleep?:
                state.isAsleep = true
                state.dueAt = now.adding(seconds: min(interval, 300))
            case nil: break
            }
        }
    }
}
