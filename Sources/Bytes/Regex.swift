import CLinux
import CPCRE2
import Synchronization

/// A compiled regular expression: PCRE2 with JIT, read as Go and RE2 read theirs.
///
/// The dialect: RE2 syntax, `(?P<name>…)` included; `$` is the very end of the text, `\d \w \s` are ASCII. PCRE2's own
/// additions (lookaround, backreferences, possessive quantifiers) are accepted too. A match step limit keeps every
/// call short: what hits it counts as no match and in `limitHits`.
///
/// Text is UTF-8: `.` and negated classes take a whole code point. They do not match bytes that are not UTF-8, where
/// RE2 sees U+FFFD; lines are repaired before they get here. Patterns that cannot see the difference (no `.`, no
/// negated class or assertion, ASCII only) are compiled for bytes, which is a quarter faster; there, `(?i)k` and `(?i)s`
/// do not fold to U+212A and U+017F.
///
/// Sharable between threads; a thread that matches often keeps a `Matcher` of its own.
package final class Regex: Sendable {
    package let pattern: String
    /// Capture groups, not counting the whole match.
    package let groupCount: Int
    /// Numbers of the named groups.
    package let groupNames: [String: Int]
    /// Whether a match has to span the whole text.
    package let isAnchored: Bool
    /// Whether the JIT serves; where memory may not be made executable (systemd's MemoryDenyWriteExecute=) it does not,
    /// and matching is several times slower.
    package let isJITCompiled: Bool

    // All are read only after the initialiser: PCRE2 allows matching with them from any number of threads, as no JIT
    // stack is attached to the context.
    fileprivate nonisolated(unsafe) let code: OpaquePointer
    /// The pattern for text that is not UTF-8, interpreted; nil where the pattern is for bytes anyway. The JIT of
    /// PCRE2 10.42 cannot serve here: with PCRE2_MATCH_INVALID_UTF its `\S`, `\D` and `\W` do not match what is not ASCII.
    fileprivate nonisolated(unsafe) let lenientCode: OpaquePointer?
    fileprivate nonisolated(unsafe) let context: OpaquePointer
    fileprivate let hits = Atomic<Int>(0)

    /// Steps after which a match is given up; milliseconds.
    private static let matchLimit: UInt32 = 1_000_000
    /// Memory in KiB that the interpreter may take where the JIT's stack did not suffice.
    private static let heapLimit: UInt32 = 4096
    private static let longestPattern = 64 << 10

    /// - Parameters:
    ///   - anchored: the match must span the whole text, as Prometheus's `^(?s:…)$`.
    ///   - dotMatchesNewline: as `(?s)`.
    package convenience init(
        _ pattern: String, anchored: Bool = false, caseless: Bool = false, dotMatchesNewline: Bool = false
    ) throws(RegexError) {
        var options = UInt32(PCRE2_DOLLAR_ENDONLY)
        if anchored { options |= UInt32(PCRE2_ANCHORED) | UInt32(PCRE2_ENDANCHORED) }
        if caseless { options |= UInt32(PCRE2_CASELESS) }
        if dotMatchesNewline { options |= UInt32(PCRE2_DOTALL) }
        try self.init(
            pattern, options: options, isText: Regex.needsCodePoints(pattern), isLenient: true, isAnchored: anchored)
    }

    /// - Parameters:
    ///   - options: PCRE2's.
    ///   - isText: for code points, not for bytes.
    ///   - isLenient: text for `isText` need not be UTF-8.
    init(_ pattern: String, options: UInt32, isText: Bool, isLenient: Bool, isAnchored: Bool) throws(RegexError) {
        guard pattern.utf8.count <= Regex.longestPattern else {
            throw RegexError(
                pattern: String(pattern.prefix(40)) + "…", offset: Regex.longestPattern,
                reason: "longer than \(Regex.longestPattern) bytes")
        }
        var options = options | UInt32(PCRE2_NEVER_BACKSLASH_C)
        if isText { options |= UInt32(PCRE2_UTF) }
        let compiled = try Regex.compile(pattern, options)
        let lenient: OpaquePointer?
        do {
            lenient = isText && isLenient ? try Regex.compile(pattern, options | UInt32(PCRE2_MATCH_INVALID_UTF)) : nil
        } catch {
            pcre2_code_free_8(compiled)
            throw error
        }
        guard let context = pcre2_match_context_create_8(nil) else {
            pcre2_code_free_8(compiled)
            pcre2_code_free_8(lenient)
            throw RegexError(pattern: pattern, offset: 0, reason: "out of memory")
        }
        pcre2_set_match_limit_8(context, Regex.matchLimit)
        pcre2_set_heap_limit_8(context, Regex.heapLimit)
        // Where the JIT refuses (an odd construct, memory that may not be made executable) the interpreter serves.
        isJITCompiled = pcre2_jit_compile_8(compiled, UInt32(PCRE2_JIT_COMPLETE)) == 0

        self.pattern = pattern
        self.isAnchored = isAnchored
        self.code = compiled
        self.lenientCode = lenient
        self.context = context
        var count: UInt32 = 0
        pcre2_pattern_info_8(compiled, UInt32(PCRE2_INFO_CAPTURECOUNT), &count)
        groupCount = Int(count)
        groupNames = Regex.names(of: compiled)
    }

    deinit {
        pcre2_match_context_free_8(context)
        pcre2_code_free_8(code)
        pcre2_code_free_8(lenientCode)
    }

    private static func compile(_ pattern: String, _ options: UInt32) throws(RegexError) -> OpaquePointer {
        var status: Int32 = 0
        var offset = 0
        var text = pattern
        let compiled = text.withUTF8 { bytes -> OpaquePointer? in
            let settings = pcre2_compile_context_create_8(nil)
            defer { pcre2_compile_context_free_8(settings) }
            if let settings { pcre2_set_newline_8(settings, UInt32(PCRE2_NEWLINE_LF)) }
            // An empty string may have no address at all, which PCRE2 refuses.
            guard let start = bytes.baseAddress else {
                var nothing: UInt8 = 0
                return pcre2_compile_8(&nothing, 0, options, &status, &offset, settings)
            }
            return pcre2_compile_8(start, bytes.count, options, &status, &offset, settings)
        }
        if let compiled { return compiled }
        throw RegexError(pattern: pattern, offset: offset, reason: Regex.message(status))
    }

    /// How many matches were given up because they took too many steps or too much memory.
    package var limitHits: Int { hits.load(ordering: .relaxed) }

    /// Whether the text matches. Allocates; a hot loop asks a `Matcher`.
    package func isMatch(_ text: RawSpan) -> Bool {
        var matcher = Matcher(self)
        return matcher.match(text)
    }

    package func isMatch(_ text: String) -> Bool {
        var matcher = Matcher(self)
        return matcher.match(text)
    }

    /// Whether bytes and code points could give different answers on valid UTF-8.
    private static func needsCodePoints(_ pattern: String) -> Bool {
        var escaped = false
        var previous: UInt8 = 0
        for byte in pattern.utf8 {
            if byte >= 0x80 { return true }
            if escaped {
                escaped = false
                // Letters other than those of positive ASCII classes and of anchors may mean code points.
                let isLetter = (0x41...0x5a).contains(byte & 0xdf)
                if isLetter, !"dswbAztnrfQE".utf8.contains(byte) { return true }
                previous = 0
                continue
            }
            switch byte {
            case UInt8(ascii: "\\"): escaped = true
            case UInt8(ascii: "."): return true
            case UInt8(ascii: "^") where previous == UInt8(ascii: "[") || previous == UInt8(ascii: ":"): return true
            // A negative assertion (`\B` above is one too) holds inside a code point as well.
            case UInt8(ascii: "!") where previous == UInt8(ascii: "?") || previous == UInt8(ascii: "<"): return true
            // (*UTF) and its like.
            case UInt8(ascii: "*") where previous == UInt8(ascii: "("): return true
            default: break
            }
            previous = byte
        }
        return false
    }

    private static func names(of code: OpaquePointer) -> [String: Int] {
        var count: UInt32 = 0
        var size: UInt32 = 0
        var table: UnsafePointer<UInt8>?
        pcre2_pattern_info_8(code, UInt32(PCRE2_INFO_NAMECOUNT), &count)
        pcre2_pattern_info_8(code, UInt32(PCRE2_INFO_NAMEENTRYSIZE), &size)
        pcre2_pattern_info_8(code, UInt32(PCRE2_INFO_NAMETABLE), &table)
        guard let table else { return [:] }
        var names: [String: Int] = [:]
        // An entry: the group's number in two bytes, big-endian, then the name, NUL-terminated.
        for index in 0..<Int(count) {
            let entry = table + index * Int(size)
            let number = Int(entry[0]) << 8 | Int(entry[1])
            names[String(cString: entry + 2)] = number
        }
        return names
    }

    private static func message(_ status: Int32) -> String {
        var buffer = [UInt8](repeating: 0, count: 256)
        let length = pcre2_get_error_message_8(status, &buffer, buffer.count)
        return length > 0 ? String(decoding: buffer[..<Int(length)], as: UTF8.self) : "error \(status)"
    }
}

/// A pattern that does not compile.
package struct RegexError: Error, Equatable, CustomStringConvertible {
    package var pattern: String
    /// Byte of the pattern where it went wrong.
    package var offset: Int
    package var reason: String

    package var description: String { "regular expression \"\(pattern)\", at byte \(offset): \(reason)" }
}

/// What one thread needs to match a `Regex`: its capture offsets. Reused from text to text, nothing is allocated.
package struct Matcher: ~Copyable {
    package let regex: Regex
    // Owned; nil only where memory ran out, and then nothing matches.
    private let data: OpaquePointer?
    /// Groups set by the last match, the whole match included; 0 after none.
    private var setGroups = 0
    /// Whether the last match was given up because it took too many steps or too much memory.
    package private(set) var didGiveUp = false

    package init(_ regex: Regex) {
        self.regex = regex
        data = pcre2_match_data_create_from_pattern_8(regex.code, nil)
    }

    deinit { pcre2_match_data_free_8(data) }

    /// Looks for the first match at or after `start`; its captures are then in `range(of:)`.
    ///
    /// - Parameter isValidated: the caller knows that it is UTF-8 and that `start` is the beginning of a code point.
    package mutating func match(_ text: RawSpan, from start: Int = 0, isValidated: Bool = false) -> Bool {
        precondition(start >= 0 && start <= text.byteCount, "match from \(start) outside \(text.byteCount) bytes")
        setGroups = 0
        didGiveUp = false
        guard let data else { return false }
        let regex = regex
        let status = text.withUnsafeBytes { bytes -> Int32 in
            guard let base = bytes.baseAddress else {
                var nothing: UInt8 = 0
                return pcre2_match_8(regex.code, &nothing, 0, 0, 0, data, regex.context)
            }
            let subject = base.assumingMemoryBound(to: UInt8.self)
            var code = regex.code
            var options: UInt32 = 0
            var start = start
            if isValidated {
                options = UInt32(PCRE2_NO_UTF_CHECK)
                // Without the checks of arguments that are known here.
                if regex.isJITCompiled {
                    let status = pcre2_jit_match_8(code, subject, bytes.count, start, 0, data, regex.context)
                    guard status == PCRE2_ERROR_JIT_STACKLIMIT else { return status }
                    options |= UInt32(PCRE2_NO_JIT)
                }
            } else if let lenientCode = regex.lenientCode {
                // The JIT trusts what it gets: whole code points, from the beginning of one.
                while start < bytes.count, subject[start] & 0xc0 == 0x80 { start += 1 }
                if clinux_is_utf8(base, bytes.count) == 1 {
                    options = UInt32(PCRE2_NO_UTF_CHECK)
                } else {
                    code = lenientCode
                }
            }
            let status = pcre2_match_8(code, subject, bytes.count, start, options, data, regex.context)
            guard status == PCRE2_ERROR_JIT_STACKLIMIT else { return status }
            // The JIT has 32 KiB of stack; the interpreter takes from the heap, up to its own limit.
            options |= UInt32(PCRE2_NO_JIT)
            return pcre2_match_8(code, subject, bytes.count, start, options, data, regex.context)
        }
        if status > 0 {
            setGroups = Int(status)
            return true
        }
        if status != PCRE2_ERROR_NOMATCH {
            didGiveUp = true
            regex.hits.add(1, ordering: .relaxed)
        }
        return false
    }

    package mutating func match(_ text: String) -> Bool {
        var copy = text
        return copy.withUTF8 { match(UnsafeRawBufferPointer($0).bytes) }
    }

    /// Where a group of the last match lies in the text, 0 for the whole match; nil where it took no part.
    package func range(of group: Int) -> Range<Int>? {
        guard group >= 0, group < setGroups, let data, let offsets = pcre2_get_ovector_pointer_8(data) else {
            return nil
        }
        let lower = offsets[2 * group]
        let upper = offsets[2 * group + 1]
        // PCRE2_UNSET is all ones; `\K` in a lookahead can put the start behind the end.
        guard lower >= 0, upper >= lower else { return nil }
        return lower..<upper
    }
}
