import Configuration
import Glibc

/// A secret as it was written, or the file that has it: read each time it is needed, so that it may be replaced.
package enum SecretReference: Sendable, Equatable {
    case inPlace(Secret)
    case file(String)

    /// A mark in its place where nothing is sent.
    func read(_ environment: ReceiverEnvironment) throws(DeliveryFailure) -> String {
        environment.preview == nil ? try read() : "<secret>"
    }

    /// Line ends and spaces around what a file holds do not belong to it.
    func read() throws(DeliveryFailure) -> String {
        switch self {
        case .inPlace(let secret): return secret.value
        case .file(let path):
            switch ConfigurationSurroundings.process.read(path) {
            case .failure(let failure): throw .retry("cannot read \(path): \(failure.reason)")
            case .success(let bytes):
                let text = NotificationFunctions.trimmed(String(decoding: bytes, as: UTF8.self))
                if text.isEmpty { throw .retry("\(path) is empty, a secret was expected in it") }
                return text
            }
        }
    }
}

extension MappingReader {
    /// A secret at `key`, or the file at `fileKey` that will have it; nil if there is neither.
    func secretReference(_ key: String, orFile fileKey: String) -> SecretReference? {
        let file = value(fileKey)
        let inPlace = value(key)
        if inPlace != nil, let file {
            file.report("expected only one of \(key) and \(fileKey), found both")
            return nil
        }
        if let file {
            guard let path = file.string().map(context.resolve) else { return nil }
            if path.isEmpty { file.report("expected a path, found none") }
            if case .failure(let failure) = context.surroundings.read(path) {
                warn("\(fileKey): \(path) cannot be read now: \(failure.reason)", at: fileKey)
            }
            return .file(path)
        }
        // The value itself must not get into a message.
        guard let inPlace else { return nil }
        guard case .scalar = inPlace.node.content else {
            inPlace.report("expected text")
            return nil
        }
        guard let text = inPlace.string() else { return nil }
        if text.isEmpty { inPlace.report("expected a secret, found an empty text") }
        return .inPlace(Secret(text))
    }
}
