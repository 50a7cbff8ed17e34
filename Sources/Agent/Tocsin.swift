@main struct Tocsin { static func main() { print("tocsin") } }
