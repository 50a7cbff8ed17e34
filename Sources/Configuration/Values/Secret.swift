/// A password, token or key: usable by whoever asks for `value`, never printed by accident.
package struct Secret: Sendable, Equatable {
    package let value: String

    package init(_ value: String) { self.value = value }

    package var isEmpty: Bool { value.isEmpty }
}

extension Secret: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var description: String { "<secret>" }
    package var debugDescription: String { "<secret>" }
    /// Keeps `dump` and string interpolation of a struct that holds a secret from looking inside.
    package var customMirror: Mirror { Mirror(self, children: []) }
}
