/// A secret of the configuration and where it came from.
package struct SecretSource: Sendable, Equatable {
    package var secret: Secret
    /// The file it was read from; empty if it was written in place.
    package var file: String

    package init(secret: Secret, file: String = "") {
        self.secret = secret
        self.file = file
    }
}

extension MappingReader {
    /// A secret written at `key`, or read now from the file named at `fileKey`; nil if there is neither.
    ///
    /// `credential:NAME` as a file is the systemd credential NAME: `$CREDENTIALS_DIRECTORY/NAME`. A relative path is
    /// seen from the configuration file's directory. Newlines at the end of a file are no part of the secret.
    package func secret(_ key: String, orFile fileKey: String) -> SecretSource? {
        let inPlace = value(key)
        let file = value(fileKey)
        switch (inPlace, file) {
        case (nil, nil): return nil
        case (_?, let file?):
            file.report("expected only one of \(key) and \(fileKey), found both")
            return nil
        case (let inPlace?, nil):
            // The value itself must not get into a message.
            guard case .scalar = inPlace.node.content else {
                inPlace.report("expected text")
                return nil
            }
            guard let text = inPlace.string() else { return nil }
            if text.isEmpty { inPlace.report("expected a secret, found an empty text") }
            return SecretSource(secret: Secret(text), file: "")
        case (nil, let file?): return readSecret(file)
        }
    }

    private func readSecret(_ value: ValueReader) -> SecretSource? {
        guard let path = secretPath(value) else { return nil }
        switch context.surroundings.read(path) {
        case .failure(let failure):
            value.report("cannot read \(path): \(failure.reason)")
            return nil
        case .success(let bytes):
            let end = bytes.lastIndex { $0 != 0x0a && $0 != 0x0d }.map { $0 + 1 } ?? 0
            guard end > 0 else {
                value.report("expected a secret in \(path), found an empty file")
                return nil
            }
            guard let text = String(validating: bytes[..<end], as: UTF8.self), !text.utf8.contains(0) else {
                value.report("expected UTF-8 text in \(path), found other bytes")
                return nil
            }
            return SecretSource(secret: Secret(text), file: path)
        }
    }

    private func secretPath(_ value: ValueReader) -> String? {
        guard let text = value.string() else { return nil }
        let scheme = "credential:"
        guard text.hasPrefix(scheme) else { return context.resolve(text) }
        let name = text.dropFirst(scheme.count)
        guard !name.isEmpty, !name.contains("/"), name != ".", name != ".." else {
            value.report("expected credential:NAME, found \"\(text)\"")
            return nil
        }
        guard let directory = context.surroundings.variable("CREDENTIALS_DIRECTORY"), !directory.isEmpty else {
            value.report(
                "$CREDENTIALS_DIRECTORY is not set; give the service LoadCredential=\(name):/path/of/the/secret")
            return nil
        }
        return "\(directory)/\(name)"
    }
}
