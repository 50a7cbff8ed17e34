import Telemetry

/// A label's or annotation's text: plain, or a template.
struct AlertText {
    let name: String
    private let text: String
    /// nil where the text is plain or no template.
    private let engine: TemplateEngine?

    /// Whether it tells what was measured at an alert's end, so that it is to be written anew then.
    var tellsResolvedValue: Bool { engine != nil && text.contains("esolvedValue") }

    /// - Parameter alert: the rule's name, for messages.
    init(name: String, _ text: String, alert: String) {
        self.name = name
        self.text = text
        engine = text.contains("{{") ? try? TemplateEngine(text, name: "__alert_" + alert) : nil
    }

    /// The text for one alert. What cannot be expanded says so, and the alert goes out all the same.
    func expanded(_ data: TemplateData, _ environment: TemplateEnvironment) -> String {
        guard let engine else { return text }
        do throws(TemplateError) {
            return try engine.expand(data, environment: environment)
        } catch {
            return "<error expanding template: \(error)>"
        }
    }

    /// What is wrong with a text as a template; nil for nothing.
    static func problem(_ text: String, alert: String) -> String? {
        guard text.contains("{{") else { return nil }
        do throws(TemplateError) {
            _ = try TemplateEngine(text, name: "__alert_" + alert)
            return nil
        } catch {
            return "\(error)"
        }
    }
}
