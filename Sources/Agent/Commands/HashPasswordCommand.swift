import ArgumentParser
import Glibc
import Web

/// `tocsin hash-password`: a bcrypt hash for `basic_auth_users`.
struct HashPasswordCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hash-password",
        abstract: "Hash a password for basic_auth_users of the web configuration.",
        discussion: "The password is asked for twice on a terminal, and otherwise the first line of standard input.")

    @Option(help: "Each step more doubles the time that a first login takes; from 4 to 16.")
    var cost = 10

    func validate() throws {
        guard BcryptHash.costs.contains(cost) else {
            throw ValidationError("--cost: expected a number from 4 to 16, found \(cost)")
        }
    }

    func run() throws {
        do {
            let password = isatty(STDIN_FILENO) == 1 ? try ask() : try firstLine()
            print(try BcryptHash(of: password, cost: cost).text)
        } catch {
            Terminal.complain("tocsin hash-password: \(error)")
            throw ExitCode(1)
        }
    }

    private func firstLine() throws(PasswordInputError) -> [UInt8] {
        guard let line = HashPasswordCommand.line() else { throw PasswordInputError("no password on standard input") }
        return line
    }

    private func ask() throws(PasswordInputError) -> [UInt8] {
        var old = termios()
        guard tcgetattr(STDIN_FILENO, &old) == 0 else { throw PasswordInputError("the terminal cannot be asked") }
        var silent = old
        silent.c_lflag &= ~tcflag_t(ECHO)
        guard tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent) == 0 else {
            throw PasswordInputError("the terminal's echo cannot be switched off")
        }
        // An interrupt would leave the terminal mute: it waits until the echo is back.
        var interrupts = sigset_t()
        var before = sigset_t()
        sigemptyset(&interrupts)
        for signal in [SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP] { sigaddset(&interrupts, signal) }
        pthread_sigmask(SIG_BLOCK, &interrupts, &before)
        defer {
            tcsetattr(STDIN_FILENO, TCSAFLUSH, &old)
            pthread_sigmask(SIG_SETMASK, &before, nil)
        }
        guard let first = prompt("Password: "), let second = prompt("Again: ") else {
            throw PasswordInputError("no password was given")
        }
        guard first == second else { throw PasswordInputError("the two passwords are not the same") }
        return first
    }

    private func prompt(_ text: String) -> [UInt8]? {
        let bytes = Array(text.utf8)
        _ = bytes.withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
        defer { Terminal.complain("") }
        return HashPasswordCommand.line()
    }

    /// One line without its end, read byte by byte so that nothing behind it is taken; nil at the end of the input.
    private static func line() -> [UInt8]? {
        var line: [UInt8] = []
        var byte: UInt8 = 0
        // Far more than a password may have.
        while line.count < 4096 {
            let count = read(STDIN_FILENO, &byte, 1)
            if count < 0, errno == EINTR { continue }
            if count <= 0 { return line.isEmpty ? nil : line }
            if byte == 10 { break }
            line.append(byte)
        }
        if line.last == 13 { line.removeLast() }
        return line
    }
}

/// Why no password could be read.
struct PasswordInputError: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
