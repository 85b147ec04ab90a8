// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {MystToken} from "./MystToken.sol";

/// @title MYST for test networks: anybody draws what it needs.
contract TestMystToken is MystToken {
    error TestNetworksOnly(uint256 chainId);

    constructor() MystToken(msg.sender, 0) {
        // Ethereum and Polygon, where MYST is worth money.
        if (block.chainid == 1 || block.chainid == 137) revert TestNetworksOnly(block.chainid);
    }

    function faucet(address to, uint256 amount) external {
        _mint(to, amount);
    }
}
