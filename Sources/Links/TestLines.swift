import CVOP
public import SharedMemory
public import Virtio

/// Where the two sides of a link ask each other for tests (`struct vop_link_test`): each writes its own line only. What
/// stands in the other's is the peer's word, copied once; whoever takes it checks it.
public struct TestLines: Sendable {
    private let memory: MemoryWindow
    private let own: Int
    private let other: Int

    init(_ header: LinkHeader) { self.init(header.memory, of: header.side) }

    /// - Parameter memory: of a link header, 4096 bytes.
    public init(_ memory: MemoryWindow, of side: Side) {
        self.memory = memory
        own = Self.offset(of: side)
        other = Self.offset(of: side.peer)
    }

    public static func offset(of side: Side) -> Int {
        Int(side == .host ? VOP_LINK_HOST_TEST_OFFSET : VOP_LINK_GUEST_TEST_OFFSET)
    }

    /// Says that this side answers, and takes back whatever stood in its line.
    public func begin() {
        memory.store64(0, at: own + Word.request)
        memory.store64(0, at: own + Word.answered)
        memory.store32(UInt32(VOP_TEST_VERSION), at: own + 4)
        // ORDER: release; pairs with the acquiring load in `isAnswering`.
        memory.storeReleasing32(VOP_TEST_MAGIC, at: own)
    }

    /// The peer has said that it answers tests as we ask them.
    public var isAnswering: Bool {
        // ORDER: acquire; pairs with the releasing store in `begin`.
        memory.loadAcquiring32(at: other) == VOP_TEST_MAGIC
            && memory.load32(at: other + 4) == UInt32(VOP_TEST_VERSION)
    }

    // MARK: Asking

    public func ask(_ request: TestRequest) {
        store(0, at: own + Word.request)
        memory.store64(request.meetingID, at: own + 16)
        memory.store32(request.operation, at: own + 24)
        memory.store32(request.answerDoorbell, at: own + 28)
        memory.store64(request.source, at: own + 32)
        memory.store64(request.target, at: own + 40)
        memory.store64(request.byteCount, at: own + 48)
        memory.store64(request.seed, at: own + 56)
        // ORDER: release; pairs with the acquiring load in `request(after:)`.
        memory.storeReleasing64(request.number, at: own + Word.request)
    }

    /// The peer's answer to that request, `nil` as long as there is none.
    public func answer(to number: UInt64) -> TestAnswer? {
        // ORDER: acquire; pairs with the releasing store in `answer(_:)`.
        guard memory.loadAcquiring64(at: other + Word.answered) == number else { return nil }
        let answer = TestAnswer(
            number: number, status: memory.load32(at: other + 72), crc: memory.load32(at: other + 76),
            address: memory.load64(at: other + 80), byteCount: memory.load64(at: other + 88),
            doorbells: memory.load32(at: other + 96))
        return isStill(number, at: other + Word.answered) ? answer : nil
    }

    // MARK: Answering

    /// What the peer asks, `nil` where that is what it asked before, or nothing.
    public func request(after number: UInt64) -> TestRequest? {
        // ORDER: acquire; pairs with the releasing store in `ask`.
        let asked = memory.loadAcquiring64(at: other + Word.request)
        guard asked != number, asked != 0 else { return nil }
        let request = TestRequest(
            number: asked, meetingID: memory.load64(at: other + 16), operation: memory.load32(at: other + 24),
            answerDoorbell: memory.load32(at: other + 28), source: memory.load64(at: other + 32),
            target: memory.load64(at: other + 40), byteCount: memory.load64(at: other + 48),
            seed: memory.load64(at: other + 56))
        return isStill(asked, at: other + Word.request) ? request : nil
    }

    public func answer(_ answer: TestAnswer) {
        store(0, at: own + Word.answered)
        memory.store32(answer.status, at: own + 72)
        memory.store32(answer.crc, at: own + 76)
        memory.store64(answer.address, at: own + 80)
        memory.store64(answer.byteCount, at: own + 88)
        memory.store32(answer.doorbells, at: own + 96)
        // ORDER: release; pairs with the acquiring load in `answer(to:)`.
        memory.storeReleasing64(answer.number, at: own + Word.answered)
    }

    private enum Word {
        static let request = 8
        static let answered = 64
    }

    private func store(_ number: UInt64, at offset: Int) {
        memory.store64(number, at: offset)
        // ORDER: full; pairs with the fence in `isStill`: what is stored from here on belongs to no number before.
        fullFence()
    }

    private func isStill(_ number: UInt64, at offset: Int) -> Bool {
        // ORDER: full; pairs with the fence in `store`.
        fullFence()
        return memory.load64(at: offset) == number
    }
}

/// What one side asks of the other, as it stands in the line: nothing of it is checked.
public struct TestRequest: Equatable, Sendable {
    /// Never 0, another one in each request.
    public var number: UInt64
    public var meetingID: UInt64
    /// `TestOperation`'s, or something else.
    public var operation: UInt32
    /// Of the asker's: rung when it is answered.
    public var answerDoorbell: UInt32
    public var source: UInt64
    public var target: UInt64
    public var byteCount: UInt64
    public var seed: UInt64

    public init(
        number: UInt64, meetingID: UInt64, operation: UInt32, answerDoorbell: UInt32 = 0, source: UInt64 = 0,
        target: UInt64 = 0, byteCount: UInt64 = 0, seed: UInt64 = 0
    ) {
        self.number = number
        self.meetingID = meetingID
        self.operation = operation
        self.answerDoorbell = answerDoorbell
        self.source = source
        self.target = target
        self.byteCount = byteCount
        self.seed = seed
    }
}

/// What the other answers, as it stands in the line: nothing of it is checked.
public struct TestAnswer: Equatable, Sendable {
    /// Of the request.
    public var number: UInt64
    /// `TestStatus`'s, or something else.
    public var status: UInt32
    public var crc: UInt32
    public var address: UInt64
    public var byteCount: UInt64
    /// Bit d: doorbell d of the side that answers has rung since its last answer.
    public var doorbells: UInt32

    public init(
        number: UInt64, status: UInt32 = 0, crc: UInt32 = 0, address: UInt64 = 0, byteCount: UInt64 = 0,
        doorbells: UInt32 = 0
    ) {
        self.number = number
        self.status = status
        self.crc = crc
        self.address = address
        self.byteCount = byteCount
        self.doorbells = doorbells
    }
}

/// `vop_link_test.operation`
public enum TestOperation: UInt32, Sendable, CaseIterable {
    case echo = 1
    case reserve = 2
    case release = 3
    case fill = 4
    case checksum = 5
    case copy = 6
    case use = 7
}

/// `vop_link_test.status`
public enum TestStatus: UInt32, Sendable, CaseIterable {
    case done = 0
    case unknown = 1
    case range = 2
    case noMemory = 3
    case inUse = 4
}
