/** Proofs made by the server's own code, to check ours against: the data of leaf i are "leaf i". */

export const samples = [
  {
    size: 1,
    index: 0,
    leaf: "1bb97dcc21635d47e2663efdfd0a174686d98dd701352dd2cd06e8b43fd3d305",
    root: "1bb97dcc21635d47e2663efdfd0a174686d98dd701352dd2cd06e8b43fd3d305",
    proof: []
  },
  {
    size: 2,
    index: 1,
    leaf: "cb5a3ce862c3e321f3f7df6d2690549e936a8e377135aae9f3d69f691f547d5b",
    root: "fc5f6b88ff8554f75bb2f9e6f39c31b1936d44b69276edf7b1205a955b9761e3",
    proof: [
      "1bb97dcc21635d47e2663efdfd0a174686d98dd701352dd2cd06e8b43fd3d305"
    ]
  },
  {
    size: 5,
    index: 4,
    leaf: "83115f8947955fafdc2a27e7f4c0854bbd8da27bb1b3e3405db571c9af8dbe1a",
    root: "341515982d650e23520dbd54d7fcf0afa1b70cc3a16a411d464dc9c1ac96c301",
    proof: [
      "4f631084a157c54f54fcfb23ff5eb8650c4ba160c295bb13a9832b109d52677e"
    ]
  },
  {
    size: 7,
    index: 3,
    leaf: "58bd1496e1684aac9201c2e687ee7ae4f51c96a8b0d81ef3583628b93d3cd345",
    root: "5a61fc2b54f9cfa71774f2432143dd40c6cb2b11947faf65a7d3da5cb65199c8",
    proof: [
      "ab37ba34d1dfe29015de717a6d5764a8fb029c3a7a0f5b64b93b54351885bf7c",
      "fc5f6b88ff8554f75bb2f9e6f39c31b1936d44b69276edf7b1205a955b9761e3",
      "01571b557bc70672650d467c7bad8337e09a7f354a72051f23b43a782c0f48e6"
    ]
  },
  {
    size: 13,
    index: 12,
    leaf: "095a4e75d5182c6b8a09d921272eafef0941c801d454275ed9d7398e44c3353e",
    root: "cf9b4c2a44a7caa722d5d548ee64ff90a119b0c31acac3444dc583000a39d3ca",
    proof: [
      "fae26f92225ab432372dd5a7d48db45f73cb5ca36bd60bf1d554c0f81d6eb9ae",
      "c5c2c820ed342fdda8ce896b6b9cf5b8c00a21cc4b20714cc6e5d3c05c35240b"
    ]
  },
  {
    size: 16,
    index: 5,
    leaf: "95adf15b7ef5db67386a8bafbefee4d145662afa450740e1868553e8348ed3a0",
    root: "714a29298ca7d8643975100569499c2309e83a6f2f970902dc46ef32ebc1b00f",
    proof: [
      "83115f8947955fafdc2a27e7f4c0854bbd8da27bb1b3e3405db571c9af8dbe1a",
      "6ebcc54b6710ee0610a7fc82cde51713db280e3dc84515bde9632a19b65a0b93",
      "4f631084a157c54f54fcfb23ff5eb8650c4ba160c295bb13a9832b109d52677e",
      "a800a9786c988ce79d32396a32d94a7eabce331b32aa4db237159bbf94c532fe"
    ]
  }
];
